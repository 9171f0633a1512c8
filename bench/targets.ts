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
  "chain/spawn": target("chain of /bin/true: time over sequential spawn", "lower", 2),
  "latency/p50": target("job of one task, p50, ms", "lower", 3),
  "latency/p99": target("job of one task, p99, ms", "lower", 15),
  "noop-million/fanout-rate": target("noop fan-out, tasks/s", "higher", 200_000),
  "noop-million/fanout-last-tenth": target("noop fan-out: last tenth over first", "higher", 0.9),
  "noop-million/fanout-memory-mb": target("noop fan-out: memory over idle, MB", "lower", 400),
  "noop-million/dag-rate": target("noop random DAG, tasks/s", "higher", 200_000),
  "noop-million/dag-last-tenth": target("noop random DAG: last tenth over first", "higher", 0.9),
  "noop-million/dag-memory-mb": target("noop random DAG: memory over idle, MB", "lower", 400),
  "noop-million/chains-rate": target("noop chains, tasks/s", "higher", 200_000),
  "noop-million/chains-last-tenth": target("noop chains: last tenth over first", "higher", 0.9),
  "noop-million/chains-memory-mb": target("noop chains: memory over idle, MB", "lower", 400),
} as const satisfies Readonly<Record<string, Target>>;

export type TargetKey = keyof typeof TARGETS;

export const targetOf = (key: TargetKey): Target => TARGETS[key];

export const reaches = ({ better }: Target, value: number, bound: number): boolean =>
  better === "higher" ? value >= bound : value <= bound;
