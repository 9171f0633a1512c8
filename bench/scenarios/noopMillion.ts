import { QREW_RECORDS } from "../contenders/qrew.ts";
import { runSpawn } from "../contenders/spawnLimit.ts";
import { type BenchDaemon, withDaemon } from "../daemon.ts";
import { noopChains, noopFanOut, noopRandomDag, oneTask } from "../documents.ts";
import { anonymousBytes, peakAnonymousBytes } from "../memory.ts";
import {
  type Bench,
  type Figure,
  grouped,
  type Measured,
  type Scenario,
  type Series,
  sized,
} from "../scenario.ts";
import type { DocumentBytes, JobSeq } from "../../src/client/index.ts";
import { estimateMedian, estimateRatio } from "../statistics.ts";

type Shape = "fanout" | "dag" | "chains";

/** What one run says. */
interface Sample {
  readonly tasksPerSecond: number;
  /** Rate of the last tenth of the ends over that of the first. */
  readonly lastOverFirst: number;
  /** Bare spawns per second in the same round: what else the machine had to do slows both. */
  readonly spawnsPerSecond: number;
  readonly growthMb: number;
}

const CHAIN_LENGTH = 1_000;
const SPAWNS = 2_000;
const DEGREE = 3;

const shapes = (count: number): Readonly<Record<Shape, { what: string; document: () => DocumentBytes }>> => ({
  fanout: { what: `${grouped(count)} noop tasks, fan-out`, document: () => noopFanOut(count) },
  dag: {
    what: `${grouped(count)} noop tasks, random DAG of ${DEGREE} dependencies each`,
    document: () => noopRandomDag(count, DEGREE),
  },
  chains: {
    what: `${grouped(count / CHAIN_LENGTH)} chains of ${grouped(CHAIN_LENGTH)} noop tasks`,
    document: () => noopChains(count / CHAIN_LENGTH, CHAIN_LENGTH),
  },
});

export const noopMillion: Scenario = {
  name: "noop-million",
  question:
    "What do scheduling and recording cost without processes, and does it stay so in a job of a million tasks?",
  pairs: 5,
  run: async (bench): Promise<Measured> => {
    const all = shapes(sized(bench, 1_000_000, 50_000));
    const measured: Measured[] = [];
    for (const shape of ["fanout", "dag", "chains"] as const) {
      measured.push(await measureShape(bench, shape, all[shape].what, all[shape].document));
    }
    return {
      series: measured.flatMap(({ series }) => series),
      figures: measured.flatMap(({ figures }) => figures),
      absent: [],
      notes: [],
    };
  },
};

/** A daemon for each shape, so that the memory of one is not counted for the next. */
const measureShape = (
  bench: Bench,
  shape: Shape,
  what: string,
  document: () => DocumentBytes,
): Promise<Measured> =>
  withDaemon(bench, async (daemon) => {
    await daemon.runJob(oneTask({ executor: "noop" }));
    const pids = await daemon.pids();
    const idleBytes = anonymousBytes(pids);
    const samples: Sample[] = [];
    for (let round = 0; round < bench.pairs; round += 1) {
      bench.signal.throwIfAborted();
      const { result, peakBytes } = await peakAnonymousBytes(pids, () => daemon.runJob(document()));
      const spawns = { command: ["/bin/true"], count: SPAWNS };
      const bare = await runSpawn(bench, daemon.work, spawns, { parallel: bench.parallel });
      const sample = {
        spawnsPerSecond: SPAWNS / bare.seconds,
        tasksPerSecond: result.summary.tasks.succeeded / result.runSeconds,
        lastOverFirst: lastOverFirst(daemon, result.job),
        growthMb: (peakBytes - idleBytes) / 1e6,
      };
      samples.push(sample);
      bench.say(
        `${what}: accepted after ${result.acceptSeconds.toFixed(2)} s, then ${sample.tasksPerSecond.toFixed(0)} tasks/s, ` +
          `last tenth ${sample.lastOverFirst.toFixed(2)} of the first, ${sample.growthMb.toFixed(0)} MB more`,
      );
    }
    return { ...toldOf(shape, what, samples), absent: [], notes: [] };
  });

function toldOf(
  shape: Shape,
  what: string,
  samples: readonly Sample[],
): { readonly series: readonly Series[]; readonly figures: readonly Figure[] } {
  const rates = samples.map(({ tasksPerSecond }) => tasksPerSecond);
  const tenths = samples.map(({ lastOverFirst }) => lastOverFirst);
  const growth = samples.map(({ growthMb }) => growthMb);
  const own = { contender: "qrew", records: QREW_RECORDS, speedup: null };
  return {
    series: [
      { what, unit: "tasks/s", samples: rates, estimate: estimateMedian(rates), ...own },
      {
        what: `${what}: memory over idle`,
        unit: "MB",
        samples: growth,
        estimate: estimateMedian(growth),
        ...own,
      },
    ],
    figures: [
      { key: `noop-million/${shape}-rate`, ...estimateMedian(rates) },
      {
        key: `noop-million/${shape}-over-S`,
        ...estimateRatio(
          rates,
          samples.map(({ spawnsPerSecond }) => spawnsPerSecond),
        ),
      },
      { key: `noop-million/${shape}-last-tenth`, ...estimateMedian(tenths) },
      { key: `noop-million/${shape}-memory-mb`, ...estimateMedian(growth) },
    ],
  };
}

/** By the times at which the tasks ended, in milliseconds; from the first end on, so that a slow start flatters nobody. */
function lastOverFirst(daemon: BenchDaemon, job: JobSeq): number {
  const ends = Float64Array.from(
    daemon.client.tasks(job),
    ({ finishedAtMs }) => finishedAtMs ?? Number.NaN,
  ).sort();
  const at = (share: number): number => ends[Math.floor((ends.length - 1) * share)] ?? Number.NaN;
  return (at(0.1) - at(0)) / (at(1) - at(0.9));
}
