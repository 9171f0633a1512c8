import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { daemonProcesses, showJob, submitJob, tasksOf } from "../support/jobs.ts";
import { type JsonProcess, readJson, shapes } from "../support/jsonShapes.ts";
import type { QrewFolder } from "../support/qrew.ts";
import { withQrew } from "../support/qrew.ts";
import { until } from "../support/until.ts";
import {
  diaryTask,
  disturbedIn,
  endedIn,
  heldTask,
  makeDiaries,
  mostAtOnce,
  readDiaries,
} from "./diaries.ts";

/** Four at a time on the two cpus that the daemon is given. */
const SETTINGS = { resources: { cpus: 0.5 } };
const AT_ONCE = 4;
const KILLS = 4;

const open = (qrew: QrewFolder, gate: string): void => writeFileSync(path.join(qrew.work, gate), "");

const startDaemon = async (qrew: QrewFolder): Promise<number> => {
  const { code, stdout, stderr } = await qrew.run(["daemon", "start", "--cpus", "2", "--json"]);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return readJson(shapes.daemonStarted, stdout).pid;
};

const pidsOf = (processes: readonly JsonProcess[], role: JsonProcess["role"]): number[] =>
  processes.flatMap((process) => (process.role === role ? [process.pid] : [])).sort((a, b) => a - b);

/** One QWorker for each of two jobs, and all that belongs to them. */
async function untilBothServe(qrew: QrewFolder): Promise<readonly JsonProcess[]> {
  return until("both QWorkers have a forkserver", async () => {
    const processes = await daemonProcesses(qrew);
    return pidsOf(processes, "forkserver").length === 2 ? processes : null;
  });
}

async function expectSucceeded(qrew: QrewFolder, job: number, tasks: number): Promise<void> {
  expect((await qrew.call("wait", String(job))).code).toBe(0);
  expect(await showJob(qrew, job)).toMatchObject({ state: "succeeded", tasks: { succeeded: tasks } });
  for (const { attempt } of (await tasksOf(qrew, job)).values()) expect(attempt).toBe(1);
}

describe("kill -9 of the QManager", () => {
  it("leaves QWorkers and tasks as they are; the next one goes on with them and hears what ended meanwhile", {
    timeout: 90_000,
  }, async () => {
    await withQrew(async (qrew) => {
      makeDiaries(qrew);
      const manager = await startDaemon(qrew);
      const elements = { foreach: { i: { range: [1, 12] } }, ...SETTINGS };
      // First, since the other one takes all that is free.
      const long = await submitJob(qrew, [
        heldTask("l", "enough", SETTINGS),
        { ...diaryTask("after", 0.1, SETTINGS), depends: ["l"] },
      ]);
      await until("it runs", () => readDiaries(qrew).size === 1);
      const short = await submitJob(qrew, [heldTask("s", "go", elements)]);
      const before = await untilBothServe(qrew);
      process.kill(manager, "SIGKILL");
      // Without a QManager: what was lent goes on, and its ends are recorded.
      open(qrew, "go");
      await until("tasks end while there is no QManager", () => endedIn(readDiaries(qrew)) >= 4);
      await until("it is recorded", async () => (await showJob(qrew, short)).tasks.succeeded > 0);
      await startDaemon(qrew);
      open(qrew, "enough");
      await expectSucceeded(qrew, short, 12);
      await expectSucceeded(qrew, long, 2);
      const after = await daemonProcesses(qrew);
      for (const role of ["worker", "forkserver"] as const) {
        expect(pidsOf(after, role)).toEqual(pidsOf(before, role));
      }
      const diaries = readDiaries(qrew);
      expect(disturbedIn(diaries)).toEqual([]);
      expect(mostAtOnce(diaries)).toBeLessThanOrEqual(AT_ONCE);
    });
  });

  it("again and again: the work goes on under the same QWorker, and ends", { timeout: 120_000 }, async () => {
    await withQrew(async (qrew) => {
      makeDiaries(qrew);
      let manager = await startDaemon(qrew);
      const elements = { foreach: { i: { range: [1, 24] } }, ...SETTINGS };
      const job = await submitJob(qrew, [
        diaryTask("t", 0.5, elements),
        { name: "gate", command: "until [ -e enough ]; do sleep 0.1; done", resources: { cpus: 0 } },
      ]);
      await until("the job has begun", () => readDiaries(qrew).size >= AT_ONCE);
      const workers = pidsOf(await daemonProcesses(qrew), "worker");
      expect(workers).toHaveLength(1);
      for (let kill = 1; kill <= KILLS; kill++) {
        process.kill(manager, "SIGKILL");
        manager = await startDaemon(qrew);
      }
      expect((await showJob(qrew, job)).state).toBe("running");
      open(qrew, "enough");
      await expectSucceeded(qrew, job, 25);
      expect(pidsOf(await daemonProcesses(qrew), "worker")).toEqual(workers);
      const diaries = readDiaries(qrew);
      expect(disturbedIn(diaries)).toEqual([]);
      expect(mostAtOnce(diaries)).toBeLessThanOrEqual(AT_ONCE);
    });
  });

  it("and of a QWorker at once: its seat is filled again, and its tasks go on", {
    timeout: 90_000,
  }, async () => {
    await withQrew(async (qrew) => {
      makeDiaries(qrew);
      const manager = await startDaemon(qrew);
      const first = await submitJob(qrew, [heldTask("a", "enough", SETTINGS)]);
      const second = await submitJob(qrew, [heldTask("b", "enough", SETTINGS)]);
      const before = await untilBothServe(qrew);
      const [victim, survivor] = before.filter(({ role }) => role === "worker");
      process.kill(manager, "SIGKILL");
      process.kill(victim?.pid ?? 0, "SIGKILL");
      await startDaemon(qrew);
      open(qrew, "enough");
      await expectSucceeded(qrew, first, 1);
      await expectSucceeded(qrew, second, 1);
      const workers = pidsOf(await daemonProcesses(qrew), "worker");
      expect(workers).toContain(survivor?.pid);
      expect(workers).not.toContain(victim?.pid);
      expect(disturbedIn(readDiaries(qrew))).toEqual([]);
    });
  });
});
