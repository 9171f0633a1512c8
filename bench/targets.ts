/**
 * What qrew must show on two cores, and where the build breaks. The gate (`npm run bench:gate`) judges the short version of a
 * scenario at 0.6 of the target, so that noise does not break the build; where qrew is not that far yet, `gate` is what holds
 * today, to be raised with it, and where short versions say nothing of the whole it is null.
 */

/** At this share of its target a figure still passes the gate; for what should be small, at the target over it. */
export const GATE_SHARE = 0.6;

interface Target {
  /** As the table names it. */
  readonly what: string;
  readonly better: "higher" | "lower";
  readonly target: number;
  readonly gate?: number | null;
}

const target = (what: string, better: Target["better"], value: number, gate?: number | null): Target => ({
  what,
  better,
  target: value,
  ...(gate === undefined ? {} : { gate }),
});

export const TARGETS = {
  "fanout/S": target("fan-out and fan-in of /bin/true: rate over S", "higher", 0.85),
  "fanout/make": target("the same over make -j", "higher", 0.85),
  "fanout/xargs": target("the same over xargs -n1 -P", "higher", 1.5),
  "fanout/makeflow": target("the same over Makeflow", "higher", 6),
  "fanout/parallel": target("the same over GNU parallel", "higher", 7),
  "output/S": target("1 KB of output each: rate over S", "higher", 0.75),
  "wfformat/montage": target("Montage shape: rate over S of the replay program", "higher", 0.75),
  "wfformat/epigenomics": target("Epigenomics shape: rate over S of the replay program", "higher", 0.75),
  "wfformat/seismology": target("Seismology shape: rate over S of the replay program", "higher", 0.75),
  "chain/spawn": target("chain of /bin/true: time over sequential spawn", "lower", 2),
  "chain/work-queue": target("the same over Makeflow + Work Queue, per hop", "lower", 1 / 3),
  "jobs/S": target("5,000 jobs of one task at once: rate over S", "higher", 0.5),
  "latency/p50": target("job of one task, p50, ms", "lower", 3, null),
  "latency/p99": target("job of one task, p99, ms", "lower", 15, null),
  // In the short version V8 still compiles.
  "latency/over-spawn": target("the same p50 over that of a bare spawn (3 ms over 0.55)", "lower", 5.5, 15),
  "noop-million/fanout-rate": target("noop fan-out, tasks/s", "higher", 200_000, null),
  "noop-million/fanout-over-S": target("noop fan-out: rate over S (200,000 over 3,000)", "higher", 67),
  "noop-million/fanout-last-tenth": target("noop fan-out: last tenth over first", "higher", 0.9, null),
  "noop-million/fanout-memory-mb": target("noop fan-out: memory over idle, MB", "lower", 400, null),
  "noop-million/dag-rate": target("noop random DAG, tasks/s", "higher", 200_000, null),
  "noop-million/dag-over-S": target("noop random DAG: rate over S (200,000 over 3,000)", "higher", 67),
  "noop-million/dag-last-tenth": target("noop random DAG: last tenth over first", "higher", 0.9, null),
  "noop-million/dag-memory-mb": target("noop random DAG: memory over idle, MB", "lower", 400, null),
  "noop-million/chains-rate": target("noop chains, tasks/s", "higher", 200_000, null),
  // The short version has 50 chains, so that 50 tasks share a round trip where a thousand do in the whole.
  "noop-million/chains-over-S": target("noop chains: rate over S (200,000 over 3,000)", "higher", 67, 8),
  "noop-million/chains-last-tenth": target("noop chains: last tenth over first", "higher", 0.9, null),
  "noop-million/chains-memory-mb": target("noop chains: memory over idle, MB", "lower", 400, null),
  "submit/foreach": target("1,000,000 tasks by foreach to accepted, s", "lower", 2),
  "submit/listed": target("1,000,000 tasks written out to accepted, s", "lower", 20),
  "submit/answers-ms": target("slowest answer of the manager meanwhile, ms", "lower", 100),
  "held/rate": target(
    "launch rate beside a held job of 1,000,000 tasks, over that of a small one",
    "higher",
    0.9,
  ),
  "idle/cpu-percent": target("idle daemon: share of a core, %", "lower", 0.5),
  "idle/pss-mb": target("idle daemon: PSS of all processes, MB", "lower", 120),
  "commands/help": target("qrew --help, ms", "lower", 150),
  "commands/jobs": target("qrew jobs, ms", "lower", 250),
} as const satisfies Readonly<Record<string, Target>>;

export type TargetKey = keyof typeof TARGETS;

const isTargetKey = (key: string): key is TargetKey => Object.hasOwn(TARGETS, key);

export const TARGET_KEYS: readonly TargetKey[] = Object.keys(TARGETS).filter(isTargetKey);

export const targetOf = (key: TargetKey): Target => TARGETS[key];

/** What the gate asks of a figure; null where it does not judge it. */
export function gateOf({ better, target, gate }: Target): number | null {
  if (gate !== undefined) return gate;
  return better === "higher" ? target * GATE_SHARE : target / GATE_SHARE;
}

export const reaches = ({ better }: Target, value: number, bound: number): boolean =>
  better === "higher" ? value >= bound : value <= bound;
