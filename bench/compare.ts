/**
 * Contenders in turns: in every round each runs once, and each round begins with another one, so that neither a slow minute of the
 * machine nor the order favours anybody. One untimed run of each comes first.
 */
import type { Bench, Figure, Series } from "./scenario.ts";
import { estimateMedian, estimateRatio } from "./statistics.ts";
import { TARGET_KEYS, type TargetKey } from "./targets.ts";

export interface Contender {
  readonly name: string;
  /** What it keeps of a task. */
  readonly records: string;
  /** Slow ones do less of the same; rates stay comparable. */
  readonly tasks: number;
  /** Seconds for `tasks` of them. */
  readonly run: (tasks: number) => Promise<number>;
}

/** The first run of each, untimed: programs get into the page cache, the daemon starts its processes. */
const WARM_UP_SHARE = 0.05;

export async function compare(
  bench: Bench,
  what: string,
  contenders: readonly Contender[],
): Promise<readonly Series[]> {
  for (const { run, tasks } of contenders) await run(Math.max(10, Math.ceil(tasks * WARM_UP_SHARE)));
  const rates = contenders.map((): number[] => []);
  for (let round = 0; round < bench.pairs; round += 1) {
    for (let turn = 0; turn < contenders.length; turn += 1) {
      const index = (round + turn) % contenders.length;
      const contender = contenders[index];
      if (contender === undefined) continue;
      bench.signal.throwIfAborted();
      rates[index]?.push(contender.tasks / (await contender.run(contender.tasks)));
    }
    const latest = contenders.map(({ name }, index) => `${name} ${rates[index]?.at(-1)?.toFixed(0)}`);
    bench.say(`round ${round + 1} of ${bench.pairs}, tasks/s: ${latest.join(", ")}`);
  }
  const own = rates[0] ?? [];
  return contenders.map(({ name, records, tasks }, index): Series => {
    const samples = rates[index] ?? [];
    return {
      what: tasks === contenders[0]?.tasks ? what : `${what} (${tasks} of them)`,
      contender: name,
      unit: "tasks/s",
      samples,
      estimate: estimateMedian(samples),
      records,
      speedup: index === 0 ? null : estimateRatio(own, samples),
    };
  });
}

/** The ratios of qrew to those of the contenders that were measured, as figures. */
export const ratiosTo = (
  series: readonly Series[],
  contenders: Readonly<Partial<Record<TargetKey, string>>>,
): readonly Figure[] =>
  TARGET_KEYS.flatMap((key) => {
    const speedup = series.find((one) => one.contender === contenders[key])?.speedup ?? null;
    return speedup === null ? [] : [{ key, ...speedup }];
  });

/** The same as times: how many times as long qrew takes. */
export const timesOf = (figures: readonly Figure[]): readonly Figure[] =>
  figures.map(({ key, value, low, high }) => ({ key, value: 1 / value, low: 1 / high, high: 1 / low }));
