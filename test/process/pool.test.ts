import { writeFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { daemonProcesses, showJob, submitJob, tasksOf } from "../support/jobs.ts";
import { withQrew } from "../support/qrew.ts";
import { until } from "../support/until.ts";
import { diaryTask, disturbedIn, heldTask, makeDiaries, mostAtOnce, readDiaries } from "./diaries.ts";

/** Two of one task each hold both cpus, and all the others wait behind them in the pools of two QWorkers. */
const WAITING = 30;

it("jobs of one task each run once, two at a time, whatever of the daemon dies while they wait or run", {
  timeout: 90_000,
}, async () => {
  await withQrew(async (qrew) => {
    makeDiaries(qrew);
    const start = async () => (await qrew.call("daemon", "start", "--cpus", "2")).code === 0;
    expect(await start()).toBe(true);
    const jobs: number[] = [];
    for (const name of ["held1", "held2"]) jobs.push(await submitJob(qrew, [heldTask(name, "go")]));
    await until("both run", async () => {
      const states = await Promise.all(jobs.map(async (job) => (await showJob(qrew, job)).tasks.running));
      return states.every((running) => running === 1);
    });
    for (let i = 0; i < WAITING; i++) jobs.push(await submitJob(qrew, [diaryTask(`d${i}`, 0.02)]));
    const kill = async (...roles: readonly string[]): Promise<void> => {
      for (const { role, pid } of await daemonProcesses(qrew))
        if (roles.includes(role)) process.kill(pid, "SIGKILL");
      await until("the daemon serves again", start);
    };
    await kill("executor");
    await kill("worker");
    await kill("manager", "worker", "executor");
    await kill("manager");
    writeFileSync(path.join(qrew.work, "go"), "");
    const waited = await qrew.call("wait", ...jobs.map(String));
    expect(waited).toMatchObject({ code: 0 });
    for (const job of jobs)
      for (const task of (await tasksOf(qrew, job)).values())
        expect(task).toMatchObject({ state: "succeeded", attempt: 1 });
    const diaries = readDiaries(qrew);
    expect(diaries.size).toBe(jobs.length);
    expect(disturbedIn(diaries)).toEqual([]);
    expect(mostAtOnce(diaries)).toBeLessThanOrEqual(2);
  });
});
