import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { jobSeq } from "../../protocol/ids.ts";
import { processCpuSeconds } from "../../src/node/process.ts";
import { runJob, showJob, submitJob } from "../support/jobs.ts";
import { processesNaming, type QrewFolder, withQrew } from "../support/qrew.ts";
import { until } from "../support/until.ts";

const TASKS = 1_000_000;
/** From the restart of the daemon to the first task that ends after it. */
const FIRST_DISPATCH_MS = 2000;
/** What the daemon computes until then and, of the rest of the job, until that is told: which no load changes much. */
const FIRST_DISPATCH_CPU_SECONDS = 2.5;

/** Of all processes of the daemon. */
const cpuSecondsOf = (qrew: QrewFolder): number =>
  processesNaming(qrew.home)
    .filter((pid) => pid !== process.pid)
    .reduce((sum, pid) => sum + (processCpuSeconds(pid) ?? 0), 0);

/** Looked for at each turn, since all is done in a second. */
async function untilHalf(qrew: QrewFolder, job: number): Promise<void> {
  const client = await qrew.client({ start: "never" });
  try {
    const deadlineMs = performance.now() + 300_000;
    while (client.job(jobSeq(job)).tasks.succeeded <= TASKS / 2) {
      if (performance.now() > deadlineMs) throw new Error("half of it is not done in 300 s");
      await nextTurn();
    }
  } finally {
    await client.close();
  }
}

/** Resolves when a summary says that more tasks have succeeded. */
async function firstEnd(qrew: QrewFolder, job: number, before: number): Promise<void> {
  const client = await qrew.client();
  try {
    for await (const { summary } of client.follow([jobSeq(job)]))
      if (summary.tasks.succeeded > before) return;
    throw new Error("the job is followed to its end");
  } finally {
    await client.close();
  }
}

it("a job of a million noop tasks, half done when everything is killed, goes on within 2 s and ends", {
  timeout: 10 * 60_000,
}, async () => {
  await withQrew(async (qrew) => {
    expect((await qrew.run(["daemon", "start", "--cpus", "2"])).code).toBe(0);
    // Known before: the second half takes less time than a look for them on a loaded machine.
    expect((await runJob(qrew, [{ name: "warm", executor: "noop" }])).code).toBe(0);
    const warm = processesNaming(qrew.home);
    const job = await submitJob(
      qrew,
      [{ name: "t", foreach: { i: { range: [1, TASKS] } }, executor: "noop" }],
      [],
      {
        timeoutMs: 180_000,
      },
    );
    const succeeded = async () => (await showJob(qrew, job)).tasks.succeeded;
    await untilHalf(qrew, job);
    for (const pid of warm) process.kill(pid, "SIGKILL");
    await until("nothing is left of it", () => processesNaming(qrew.home).length === 0);
    const before = await succeeded();
    expect(before).toBeLessThan(TASKS);
    expect((await qrew.run(["daemon", "start", "--cpus", "2"])).code).toBe(0);
    const startedMs = performance.now();
    await firstEnd(qrew, job, before);
    const tookMs = performance.now() - startedMs;
    const cpuSeconds = cpuSecondsOf(qrew);
    process.stdout.write(
      `the first end after the restart: ${Math.round(tookMs)} ms, ${cpuSeconds.toFixed(2)} s of cpu\n`,
    );
    expect((await qrew.run(["wait", String(job)], { timeoutMs: 300_000 })).code).toBe(0);
    expect(await showJob(qrew, job)).toMatchObject({
      state: "succeeded",
      tasks: { succeeded: TASKS, total: TASKS },
    });
    expect(cpuSeconds).toBeLessThan(FIRST_DISPATCH_CPU_SECONDS);
    expect(tookMs).toBeLessThan(FIRST_DISPATCH_MS);
  });
});
