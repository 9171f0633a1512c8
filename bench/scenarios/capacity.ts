/** Not among the scenarios that run unasked: it fills the machine on purpose. */
import { setTimeout as delay } from "node:timers/promises";
import { QrewError } from "../../protocol/errors.ts";
import { JOBS_PER_WORKER_MAX } from "../../protocol/limits.ts";
import type { JobSeq } from "../../src/client/index.ts";
import { type Bound, nextBound, systemBounds } from "../bounds.ts";
import { QREW_RECORDS } from "../contenders/qrew.ts";
import { type BenchDaemon, withDaemon } from "../daemon.ts";
import { oneTask } from "../documents.ts";
import { proportionalBytes } from "../memory.ts";
import { type Bench, grouped, type Measured, type Scenario, sized } from "../scenario.ts";
import { estimateMedian, median } from "../statistics.ts";

/** Processes that live at the end of each step. */
const STEPS = [
  250, 500, 1_000, 2_000, 4_000, 8_000, 12_000, 16_000, 20_000, 24_000, 28_000, 32_000, 48_000, 64_000,
];
/** A QWorker has no more tasks of a job without cpus alive at a time (worker/core/dispatch.ts). */
const TASKS_PER_JOB = 250;
const PROBES = 9;
/** A job of one task may take so many times as long as on the empty node, and in any case a tenth of a second. */
const SLOWER_MAX = 10;
const SLOW_MS_MIN = 100;
const STEP_MS_MAX = 120_000;
const PROBE_MS_MAX = 30_000;
const LOOK_MS = 100;
/** None is filled to the last process: that would stop others on the machine, and this program. */
const BOUND_SHARE_MAX = 0.9;

interface Step {
  readonly processes: number;
  readonly probeMs: number;
  readonly daemonMb: number;
}

export const capacity: Scenario = {
  name: "capacity",
  question: "How many processes at a time does this node stand, and what ends it?",
  pairs: 1,
  run: (bench) =>
    withDaemon(bench, async (daemon): Promise<Measured> => {
      const firstMs = await probe(bench, daemon);
      const bounds = async (processes: number): Promise<readonly Bound[]> => [
        ...systemBounds(await forkserverPid(daemon)),
        {
          name: "jobs that the QWorkers run side by side",
          used: Math.ceil(processes / TASKS_PER_JOB),
          most: JOBS_PER_WORKER_MAX * bench.parallel,
        },
      ];
      const jobs: JobSeq[] = [];
      const before = await bounds(0);
      const steps: Step[] = [{ processes: 0, probeMs: firstMs, daemonMb: await daemonMb(daemon) }];
      let end = "the steps of this scenario end here";
      for (const processes of STEPS.slice(0, sized(bench, STEPS.length, 4))) {
        const full = (await bounds(processes)).find(({ used, most }) => used > BOUND_SHARE_MAX * most);
        if (full !== undefined) {
          end = `${full.name}: ${grouped(Math.round(full.used))} of ${grouped(Math.round(full.most))}`;
          break;
        }
        const fault = await fill(bench, daemon, jobs, processes);
        if (fault !== null) {
          end = fault;
          break;
        }
        const step = { processes, probeMs: await probe(bench, daemon), daemonMb: await daemonMb(daemon) };
        steps.push(step);
        bench.say(
          `${grouped(processes)} processes: job of one task ${step.probeMs.toFixed(1)} ms, daemon ${step.daemonMb.toFixed(0)} MB`,
        );
        if (step.probeMs > Math.max(SLOW_MS_MIN, SLOWER_MAX * firstMs)) {
          end = `latency: a job of one task takes ${step.probeMs.toFixed(0)} ms instead of ${firstMs.toFixed(1)} ms`;
          break;
        }
      }
      return told(steps, end, before, await bounds(jobs.length * TASKS_PER_JOB));
    }),
};

/** Starts long-lived tasks until `processes` of them run; what kept them from running, or null. */
async function fill(
  bench: Bench,
  daemon: BenchDaemon,
  jobs: JobSeq[],
  processes: number,
): Promise<string | null> {
  while (jobs.length * TASKS_PER_JOB < processes) jobs.push((await daemon.submit(sleepers())).job);
  const deadlineMs = performance.now() + STEP_MS_MAX;
  for (;;) {
    bench.signal.throwIfAborted();
    const counts = jobs.map((job) => daemon.client.job(job).tasks);
    const running = counts.reduce((sum, tasks) => sum + tasks.running, 0);
    const failed = jobs.find((_, index) => (counts[index]?.failed ?? 0) > 0);
    if (failed !== undefined) {
      return `with ${grouped(running)} processes a task failed: ${failureOf(daemon, failed)}`;
    }
    if (running >= processes) return null;
    if (performance.now() > deadlineMs)
      return `${grouped(running)} of ${grouped(processes)} processes ran after ${STEP_MS_MAX / 1000} s`;
    await delay(LOOK_MS);
  }
}

function failureOf({ client }: BenchDaemon, job: JobSeq): string {
  for (const { state, reason } of client.tasks(job)) if (state === "failed") return reason ?? state;
  return "it is not known why";
}

/** They want no cpu, so that only what they really take counts. */
const sleepers = (): Uint8Array =>
  Buffer.from(
    JSON.stringify([
      {
        name: "sleep",
        foreach: { i: { range: [1, TASKS_PER_JOB] } },
        command: ["/bin/sleep", "86400"],
        resources: { cpus: 0 },
      },
    ]),
  );

/** Median time of a job of one task, in milliseconds; infinite where one does not end in time. */
async function probe(bench: Bench, daemon: BenchDaemon): Promise<number> {
  const document = oneTask({ command: ["/bin/true"] });
  const times: number[] = [];
  for (let round = 0; round < PROBES; round += 1) {
    const signal = AbortSignal.any([bench.signal, AbortSignal.timeout(PROBE_MS_MAX)]);
    const startedMs = performance.now();
    const { job } = await daemon.submit(document);
    const ended = await daemon.client.wait(job, signal).then(
      () => true,
      () => false,
    );
    bench.signal.throwIfAborted();
    if (!ended) return Number.POSITIVE_INFINITY;
    times.push(performance.now() - startedMs);
  }
  return median(times);
}

async function forkserverPid({ client }: BenchDaemon): Promise<number> {
  const { processes } = await client.daemonStatus();
  const found = processes.find(({ forkserver }) => forkserver !== null)?.forkserver?.pid;
  if (found === undefined) throw new QrewError("refused", "there is no forkserver, although a task has run.");
  return found;
}

const daemonMb = async (daemon: BenchDaemon): Promise<number> => proportionalBytes(await daemon.pids()) / 1e6;

function told(
  steps: readonly Step[],
  end: string,
  before: readonly Bound[],
  after: readonly Bound[],
): Measured {
  const reached = steps.at(-1)?.processes ?? 0;
  const others = (bounds: readonly Bound[]): readonly Bound[] =>
    bounds.filter(({ name }) => !end.startsWith(`${name}:`));
  const next = nextBound(others(before), others(after), Math.max(1, reached));
  const own = { contender: "qrew", records: QREW_RECORDS, speedup: null };
  const [processes, memory] = [[reached], steps.map(({ daemonMb }) => daemonMb).slice(-1)];
  return {
    series: [
      {
        what: "long-lived processes at a time",
        unit: "processes",
        samples: processes,
        estimate: estimateMedian(processes),
        ...own,
      },
      {
        what: "daemon with them: PSS",
        unit: "MB",
        samples: memory,
        estimate: estimateMedian(memory),
        ...own,
      },
      ...steps.map((step) => ({
        what: `job of one task beside ${grouped(step.processes)} processes`,
        unit: "ms" as const,
        samples: [step.probeMs],
        estimate: estimateMedian([step.probeMs]),
        ...own,
      })),
    ],
    figures: [],
    absent: [],
    notes: [
      `What ended it: ${end}.`,
      next === null
        ? "No other limit came nearer."
        : `By what the processes took, ${next.bound.name} (${grouped(Math.round(next.bound.used))} of ${grouped(Math.round(next.bound.most))}) ` +
          `would be full at about ${grouped(Math.round(next.processes))} processes.`,
    ],
  };
}
