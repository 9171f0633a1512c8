import { BARE_CHAIN, BARE_CHAIN_RECORDS, withBareChain } from "../contenders/bareChain.ts";
import { QREW_RECORDS } from "../contenders/qrew.ts";
import { runSpawn } from "../contenders/spawnLimit.ts";
import { type BenchDaemon, withDaemon } from "../daemon.ts";
import { oneTask } from "../documents.ts";
import type { DocumentBytes } from "../../src/client/index.ts";
import { type Bench, type Measured, type Scenario, type Series, sized } from "../scenario.ts";
import { estimateQuantile, estimateRatio } from "../statistics.ts";

const COMMAND = ["/bin/true"];
const BLOCK = 100;
/** V8 compiles what runs often, and takes the time for it from the jobs: a daemon that people use has been through that. */
const WARM_UP_JOBS = 2_000;
/** Of those before, the first are told of too: of a daemon that has just been started. */
const FIRST_JOBS = 500;
/** Short versions look at other things. */
const WARM_UP_JOBS_QUICK = 500;

export const latency: Scenario = {
  name: "latency",
  question:
    "How long does a job of one task take on a warm daemon, from its submission to the word that it has ended?",
  pairs: 10,
  run: (bench) =>
    withDaemon(bench, async (daemon): Promise<Measured> => {
      const document = oneTask({ command: COMMAND });
      const first: number[] = [];
      const warmUpJobs = sized(bench, WARM_UP_JOBS, WARM_UP_JOBS_QUICK);
      await repeat(bench, warmUpJobs, first, () => latencyOf(daemon, document));
      const own: number[] = [];
      const bare: number[] = [];
      const chain: number[] = [];
      const count = sized(bench, BLOCK, BLOCK / 2);
      await withBareChain(bench, COMMAND, async (pass) => {
        for (let round = 0; round < bench.pairs; round += 1) {
          const { micros } = await runSpawn(
            bench,
            daemon.work,
            { command: COMMAND, count },
            { parallel: 1, each: true },
          );
          bare.push(...micros.map((value) => value / 1000));
          await repeat(bench, count, chain, pass);
          await repeat(bench, count, own, () => latencyOf(daemon, document));
        }
      });
      return {
        series: [
          ...quantiles("qrew", QREW_RECORDS, own, null),
          ...quantiles("qrew, from its start on", QREW_RECORDS, first.slice(0, FIRST_JOBS), own),
          ...quantiles(BARE_CHAIN, BARE_CHAIN_RECORDS, chain, own),
          ...quantiles("bare spawn", "nothing: posix_spawn and wait", bare, own),
        ],
        figures: [
          { key: "latency/p50", ...estimateQuantile(own, 0.5) },
          { key: "latency/p99", ...estimateQuantile(own, 0.99) },
          { key: "latency/over-spawn", ...estimateRatio(own, bare) },
        ],
        absent: [],
        notes: [],
      };
    }),
};

async function repeat(
  bench: Bench,
  count: number,
  samples: number[],
  take: () => Promise<number>,
): Promise<void> {
  for (let taken = 0; taken < count; taken += 1) {
    bench.signal.throwIfAborted();
    samples.push(await take());
  }
}

/** Milliseconds from the first byte of the submission until its end is told. */
async function latencyOf(daemon: BenchDaemon, document: DocumentBytes): Promise<number> {
  const startedMs = performance.now();
  await daemon.runToEnd(document);
  return performance.now() - startedMs;
}

function quantiles(
  contender: string,
  records: string,
  samples: readonly number[],
  own: readonly number[] | null,
): readonly Series[] {
  return [0.5, 0.99].map((quantile) => ({
    what: `job of one task, submitted to ended, p${quantile * 100}`,
    contender,
    unit: "ms",
    samples,
    estimate: estimateQuantile(samples, quantile),
    records,
    speedup: own === null || quantile !== 0.5 ? null : estimateRatio(samples, own),
  }));
}
