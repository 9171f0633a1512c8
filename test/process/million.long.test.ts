import os from "node:os";
import { expect, it } from "vitest";
import { showJob, submitJob } from "../support/jobs.ts";
import { processesNaming, withQrew } from "../support/qrew.ts";
import { until } from "../support/until.ts";

const TASKS = 1_000_000;
/** From the restart of the daemon to the first task that ends after it, on a machine that has nothing else to do. */
const FIRST_DISPATCH_MS = 2000;
const loadFactor = (): number => Math.max(1, (os.loadavg()[0] ?? 0) / os.availableParallelism());

it("a job of a million noop tasks, half done when everything is killed, goes on within 2 s and ends", {
  timeout: 10 * 60_000,
}, async () => {
  await withQrew(async (qrew) => {
    expect((await qrew.run(["daemon", "start", "--cpus", "2"])).code).toBe(0);
    const job = await submitJob(
      qrew,
      [{ name: "t", foreach: { i: { range: [1, TASKS] } }, executor: "noop" }],
      [],
      {
        timeoutMs: 180_000,
      },
    );
    const succeeded = async () => (await showJob(qrew, job)).tasks.succeeded;
    await until("half of it is done", async () => (await succeeded()) > TASKS / 2, 300_000);
    for (const pid of processesNaming(qrew.home)) {
      if (pid !== process.pid) process.kill(pid, "SIGKILL");
    }
    await until("nothing is left of it", () => processesNaming(qrew.home).length === 0);
    const before = await succeeded();
    expect(before).toBeLessThan(TASKS);
    expect((await qrew.run(["daemon", "start", "--cpus", "2"])).code).toBe(0);
    const startedMs = performance.now();
    await until("a task is done after the restart", async () => (await succeeded()) > before, 30_000);
    const tookMs = performance.now() - startedMs;
    process.stdout.write(`the first end after the restart: ${Math.round(tookMs)} ms\n`);
    expect((await qrew.run(["wait", String(job)], { timeoutMs: 300_000 })).code).toBe(0);
    expect(await showJob(qrew, job)).toMatchObject({
      state: "succeeded",
      tasks: { succeeded: TASKS, total: TASKS },
    });
    expect(tookMs).toBeLessThan(FIRST_DISPATCH_MS * loadFactor());
  });
});
