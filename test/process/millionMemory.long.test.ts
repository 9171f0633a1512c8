/** A million tasks at once: every process stays within its memory, and each task ends once. */
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { jobSeq } from "../../protocol/ids.ts";
import { proportionalSetBytes } from "../../src/node/process.ts";
import { daemonProcesses, showJob, submitJob } from "../support/jobs.ts";
import { withQrew } from "../support/qrew.ts";

const MEGABYTE = 1024 * 1024;
const TASKS = 1_000_000;
/** Of all processes of the daemon together. */
const BYTES_MAX = 600 * MEGABYTE;

it("runs a job of a million noop tasks in bounded memory", { timeout: 14 * 60_000 }, async () => {
  await withQrew(async (qrew) => {
    expect((await qrew.run(["daemon", "start", "--cpus", "2"])).code).toBe(0);
    const beganMs = performance.now();
    const job = await submitJob(qrew, [
      { name: "n", executor: "noop", foreach: { i: { range: [1, TASKS] } } },
    ]);
    const acceptedMs = performance.now() - beganMs;
    const client = await qrew.client({ start: "never" });
    let peakBytes = 0;
    let slowestMs = 0;
    try {
      let isEnded = false;
      const ended = client.wait(jobSeq(job)).finally(() => {
        isEnded = true;
      });
      while (!isEnded) {
        const askedMs = performance.now();
        const processes = await daemonProcesses(qrew);
        slowestMs = Math.max(slowestMs, performance.now() - askedMs);
        const bytes = processes.reduce((sum, { pid }) => sum + (proportionalSetBytes(pid) ?? 0), 0);
        peakBytes = Math.max(peakBytes, bytes);
        await Promise.race([delay(1000), ended]);
      }
      expect((await ended).state).toBe("succeeded");
    } finally {
      await client.close();
    }
    const seconds = (performance.now() - beganMs) / 1000;
    console.log(
      `${TASKS} tasks: accepted in ${Math.round(acceptedMs)} ms, ended in ${seconds.toFixed(0)} s, at most ` +
        `${Math.round(peakBytes / MEGABYTE)} MiB, slowest status ${Math.round(slowestMs)} ms`,
    );
    expect(peakBytes).toBeLessThan(BYTES_MAX);
    expect((await showJob(qrew, job)).tasks).toMatchObject({ total: TASKS, succeeded: TASKS });
    const verified = await qrew.run(["store", "verify"], { timeoutMs: 110_000 });
    expect(verified).toMatchObject({ code: 0, stderr: "" });
  });
});
