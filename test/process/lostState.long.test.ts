/** A state folder of which parts are removed, under a daemon or after it. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { daemonProcesses, outputText, runJob, showJob, submitJob, writeDocument } from "../support/jobs.ts";
import { processesNaming, type QrewFolder, withQrew } from "../support/qrew.ts";
import { until } from "../support/until.ts";

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

const pidOf = (qrew: QrewFolder, program: string): number | null =>
  processesNaming(qrew.folder).find((pid) => commandLineOf(pid).startsWith(program)) ?? null;

describe("a state folder", () => {
  it("takes nothing that an earlier state of the folder still runs for its own", async () => {
    await withQrew(async (qrew) => {
      await submitJob(qrew, [{ name: "old", command: ["sleep", "300"] }]);
      const running = await until("it runs", () => pidOf(qrew, "sleep"));
      const forkserver = (await daemonProcesses(qrew)).find(({ role }) => role === "forkserver")?.pid ?? 0;
      for (const { role, pid } of await daemonProcesses(qrew))
        if (role !== "forkserver") process.kill(pid, "SIGKILL");
      for (const name of ["manager", "worker-00"]) rmSync(path.join(qrew.home, name), { recursive: true });
      const { code, job } = await runJob(qrew, [{ name: "new", command: "echo new" }]);
      expect({ code, job }).toEqual({ code: 0, job: 1 });
      expect(await outputText(qrew, job, "new")).toBe("new\n");
      expect(commandLineOf(running)).toContain("sleep");
      process.kill(forkserver, "SIGKILL");
      await until("its task is gone with it", () => commandLineOf(running) === "");
    });
  });

  it("that is removed while it is in use accepts nothing any more", async () => {
    await withQrew(async (qrew) => {
      await runJob(qrew, [{ name: "one", command: "true" }]);
      const manager = (await daemonProcesses(qrew)).find(({ role }) => role === "manager")?.pid;
      rmSync(path.join(qrew.home, "manager"), { recursive: true });
      const refused = await qrew.run(["submit", writeDocument(qrew, [{ name: "lost", command: "true" }])]);
      expect(refused).toMatchObject({ stdout: "" });
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toMatch(/is gone.*store restore/);
      expect(commandLineOf(manager ?? 0)).toBe("");
      // Its QWorkers would wait for a manager.
      for (const pid of processesNaming(qrew.home)) process.kill(pid, "SIGKILL");
    });
  });

  it("loses its sockets and spool folder while it is in use, then whoever has them, and the work still ends", async () => {
    await withQrew(async (qrew) => {
      const go = path.join(qrew.work, "go");
      const wait = { name: "wait", command: `until [ -e ${go} ]; do sleep 0.02; done` };
      const more = {
        name: "more",
        depends: ["wait"],
        foreach: { i: { range: [1, 20] } },
        command: "echo out",
      };
      const job = await submitJob(qrew, [wait, more]);
      await until("it runs", async () => (await showJob(qrew, job)).tasks.running === 1);
      for (const name of ["run", "spool"]) rmSync(path.join(qrew.home, name), { recursive: true });
      expect((await runJob(qrew, [{ name: "other", command: "true" }])).code).toBe(0);
      for (const { role, pid } of await daemonProcesses(qrew))
        if (role === "executor") process.kill(pid, "SIGKILL");
      writeFileSync(go, "");
      expect((await qrew.run(["wait", String(job)], { timeoutMs: 60_000 })).code).toBe(0);
      expect(await outputText(qrew, job, "more[20]")).toBe("out\n");
    });
  }, 120_000);
});
