import { execFileSync } from "node:child_process";
import { chownSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { daemonProcesses, submitJob, tasksOf } from "../support/jobs.ts";
import { type CommandOptions, processesNaming, QrewFolder } from "../support/qrew.ts";
import { skipUnless } from "../support/requires.ts";
import { until } from "../support/until.ts";

/** Nobody's: limits of processes do not bind root. */
const OTHER_UID = 54_321;
const [SETPRIV, ...OTHER] = [
  "setpriv",
  `--reuid=${OTHER_UID}`,
  `--regid=${OTHER_UID}`,
  "--clear-groups",
] as const;
const AS_OTHER: CommandOptions = { through: [SETPRIV, ...OTHER] };

/** The soft limit of a process, which its user may raise again: `amount`, or as high as it may be. */
function limit(pid: number, resource: "nproc" | "nofile", amount: number | "hard"): void {
  const prlimit = (...args: readonly string[]): string =>
    execFileSync(SETPRIV, [...OTHER, "prlimit", "--pid", String(pid), ...args], { encoding: "utf8" }).trim();
  const hard = prlimit(`--${resource}`, "--output=HARD", "--noheadings");
  prlimit(`--${resource}=${amount === "hard" ? hard : amount}:`);
}

/** The folder of a run is root's alone. */
function folderOfOther(): QrewFolder {
  const saved = process.env["TMPDIR"];
  process.env["TMPDIR"] = "/tmp";
  try {
    const folder = new QrewFolder();
    for (const name of [folder.folder, folder.work]) chownSync(name, OTHER_UID, OTHER_UID);
    return folder;
  } finally {
    if (saved === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = saved;
  }
}

describe("a user whose limits are reached", () => {
  beforeEach((ctx) => skipUnless(ctx, "otherUser"));

  it.each([
    ["nproc", 1, /EAGAIN/],
    ["nofile", 3, /EMFILE/],
  ] as const)("(%s): tasks wait until there is enough, and none fails", async (resource, scarce, reason) => {
    const qrew = folderOfOther();
    try {
      expect((await qrew.run(["daemon", "start", "--cpus", "2"], AS_OTHER)).code).toBe(0);
      const tasks = [
        { name: "gate", command: "until [ -e go ]; do sleep 0.05; done" },
        { name: "t", depends: ["gate"], foreach: { i: { range: [1, 20] } }, command: "true" },
      ];
      const job = await submitJob(qrew, tasks, [], AS_OTHER);
      const forkserver = await until("the forkserver is there", async () => {
        const processes = await daemonProcesses(qrew, AS_OTHER);
        return processes.find(({ role }) => role === "forkserver")?.pid ?? null;
      });
      const all = async () => [...(await tasksOf(qrew, job, AS_OTHER)).values()];
      limit(forkserver, resource, scarce);
      writeFileSync(path.join(qrew.work, "go"), "");
      await until("tasks were refused", async () =>
        (await all()).some((task) => reason.test(task.reason ?? "")),
      );
      limit(forkserver, resource, "hard");
      expect((await qrew.run(["wait", String(job)], AS_OTHER)).code).toBe(0);
      for (const task of await all()) expect(task).toMatchObject({ state: "succeeded", attempt: 1 });
    } finally {
      await qrew.run(["daemon", "stop", "--now"], AS_OTHER);
      expect(processesNaming(qrew.folder)).toEqual([]);
      rmSync(qrew.folder, { recursive: true, force: true });
    }
  });
});
