/** Daemons side by side, each with its own state folder, and how a daemon finds its cpus and its end. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { readyReport } from "../../src/client/daemonProcess.ts";
import { submitJob, tasksOf } from "../support/jobs.ts";
import { readJson, shapes } from "../support/jsonShapes.ts";
import { MANAGER_MAIN, processesNaming, QrewFolder, withQrew } from "../support/qrew.ts";
import { until } from "../support/until.ts";

/** Far beyond the test: what runs so long is stopped, or was forgotten. */
const LONG = ["sleep", "600"];

const sleepers = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ name: `s${i}`, command: LONG }));

/** Submits sleepers and resolves when all run. */
async function startSleepers(qrew: QrewFolder, count: number): Promise<number> {
  const job = await submitJob(qrew, sleepers(count));
  await until(`${count} running tasks`, async () => {
    const tasks = [...(await tasksOf(qrew, job)).values()];
    return tasks.filter(({ state }) => state === "running").length === count;
  });
  return job;
}

const pidsOf = (qrew: QrewFolder): readonly number[] =>
  processesNaming(qrew.folder).toSorted((a, b) => a - b);

it("keeps two daemons apart: cancel and stop in one touch no process of the other", async () => {
  const mine = new QrewFolder();
  const theirs = new QrewFolder();
  try {
    for (const qrew of [mine, theirs]) {
      expect((await qrew.run(["daemon", "start", "--cpus", "2"])).code).toBe(0);
    }
    // The same numbers in both: jobs, seats, tasks and attempts are told apart by the instance alone.
    const [job, other] = await Promise.all([startSleepers(mine, 2), startSleepers(theirs, 2)]);
    expect(job).toBe(other);
    const before = pidsOf(theirs);
    expect(before.length).toBeGreaterThanOrEqual(6);

    expect((await mine.run(["cancel", String(job)])).code).toBe(0);
    expect(pidsOf(theirs)).toEqual(before);

    await startSleepers(mine, 2);
    expect((await mine.run(["daemon", "stop", "--now"])).code).toBe(0);
    expect(processesNaming(mine.folder)).toEqual([]);
    expect(pidsOf(theirs)).toEqual(before);
    const tasks = [...(await tasksOf(theirs, other)).values()];
    expect(tasks.map(({ state, attempt }) => ({ state, attempt }))).toEqual([
      { state: "running", attempt: 1 },
      { state: "running", attempt: 1 },
    ]);

    expect((await theirs.run(["cancel", String(other)])).code).toBe(0);
    expect((await tasksOf(theirs, other)).get("s0")?.state).toBe("cancelled");
  } finally {
    await Promise.all([mine.close(), theirs.close()]);
  }
});

it("offers the cpus that it may use itself", async () => {
  await withQrew(async (qrew) => {
    const list = /^Cpus_allowed_list:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
    const started = await qrew.run(["daemon", "start"], { through: ["taskset", "-c", list] });
    expect(started.code).toBe(0);
    const { capacity } = readJson(
      shapes.daemonStatus,
      (await qrew.run(["daemon", "status", "--json"])).stdout,
    );
    expect(capacity.cpus).toBe(1);
  });
});

it("leaves by itself when it is transient and idle, not while a job runs", async () => {
  await withQrew(async (qrew) => {
    const args = [MANAGER_MAIN, "--home", qrew.home, "--transient", "--idle-seconds", "2", "--cpus", "1"];
    const manager = spawn(process.execPath, args, {
      env: qrew.environment(),
      detached: true,
      cwd: path.parse(qrew.home).root,
      stdio: ["ignore", "ignore", "ignore", "pipe"],
    });
    const ended = new Promise<number | null>((resolve) => manager.once("exit", (code) => resolve(code)));
    try {
      expect(await readyReport(manager, 20_000)).toEqual({ type: "ready", pid: manager.pid });
      // From this process: a command would take most of the idle time to come, on a loaded machine.
      const client = await qrew.client({ start: "never" });
      try {
        const document = Buffer.from('[{"name": "longer than the idle time", "command": ["sleep", "2.6"]}]');
        const { job } = await client.submit(document, { source: "w.json", directory: qrew.work });
        expect((await client.wait(job)).state).toBe("succeeded");
        expect(manager.exitCode).toBeNull();
      } finally {
        await client.close();
      }
      expect(await ended).toBe(0);
      await until("no process is left", () => processesNaming(qrew.folder).length === 0);
      expect((await qrew.run(["daemon", "status"])).code).toBe(4);
    } finally {
      if (manager.exitCode === null) manager.kill("SIGTERM");
    }
  });
});
