/** More than can be taken at once: memory stays bounded, whoever asks is slowed and not dropped, and the others are answered. */
import { setTimeout as delay } from "node:timers/promises";
import path from "node:path";
import { expect, it } from "vitest";
import { Dealer } from "zeromq";
import type { ClientRequest } from "../../protocol/clientLink.ts";
import { encodeFrame } from "../../protocol/codec.ts";
import { jobSeq, MANAGER_SOCKET_NAME } from "../../protocol/ids.ts";
import { QREW_VERSION } from "../../protocol/version.ts";
import { proportionalSetBytes } from "../../src/node/process.ts";
import { showJob, submitJob } from "../support/jobs.ts";
import { withQrew } from "../support/qrew.ts";
import { managerPid } from "./refusals.ts";

const MEGABYTE = 1024 * 1024;
/** Far above what is measured (about 220 MiB), far below what waits to be read. */
const MANAGER_BYTES_MAX = 400 * MEGABYTE;

/** The largest size of a process until `stop`. */
function watchMemory(pid: number): { stop(): Promise<number> } {
  let isStopped = false;
  const watch = async (): Promise<number> => {
    let peak = 0;
    while (!isStopped) {
      peak = Math.max(peak, proportionalSetBytes(pid) ?? 0);
      await delay(20);
    }
    return peak;
  };
  const done = watch();
  done.catch(() => undefined);
  return {
    stop: () => {
      isStopped = true;
      return done;
    },
  };
}

it("a client that asks and never reads costs a bounded amount, while others are answered", {
  timeout: 120_000,
}, async () => {
  await withQrew(async (qrew) => {
    expect((await qrew.run(["daemon", "start", "--cpus", "2"])).code).toBe(0);
    const pid = await managerPid(qrew);
    // Each answer about it is large.
    const named = await submitJob(qrew, [{ name: "one", command: "true" }], ["--name", "x".repeat(400)]);
    expect((await qrew.call("wait", String(named))).code).toBe(0);
    const job = await submitJob(qrew, [
      { name: "n", executor: "noop", foreach: { i: { range: [1, 100_000] } } },
    ]);
    const client = await qrew.client({ start: "never" });
    const mute = new Dealer({ receiveHighWaterMark: 1, linger: 0, sendHighWaterMark: 100 });
    const memory = watchMemory(pid);
    try {
      mute.connect(`ipc://${path.join(client.home.runFolder, MANAGER_SOCKET_NAME)}`);
      const ask = (...requests: readonly ClientRequest[]) => mute.send(encodeFrame(0, requests));
      await ask({ type: "hello", request: 1, packageVersion: QREW_VERSION });
      await ask({ type: "followJobs", request: 2, jobs: [jobSeq(job)] });
      let slowestMs = 0;
      const jobs = Array.from({ length: 10_000 }, () => jobSeq(named));
      for (let round = 0; round < 60; round += 1) {
        await ask({ type: "followJobs", request: round + 3, jobs });
        const beganMs = performance.now();
        await client.daemonStatus();
        slowestMs = Math.max(slowestMs, performance.now() - beganMs);
      }
      expect((await client.wait(jobSeq(job))).state).toBe("succeeded");
      const peakBytes = await memory.stop();
      console.log(
        `manager at most ${Math.round(peakBytes / MEGABYTE)} MiB, slowest answer ${Math.round(slowestMs)} ms`,
      );
      expect(peakBytes).toBeLessThan(MANAGER_BYTES_MAX);
    } finally {
      mute.close();
      await client.close();
    }
    expect((await showJob(qrew, job)).tasks.succeeded).toBe(100_000);
    expect(await managerPid(qrew)).toBe(pid);
  });
});
