/**
 * What a view of a running job remembers: its latest change, and enough of the past to tell how fast it goes.
 */
import type { TaskCounts } from "../../../protocol/fields.ts";
import type { JobChange } from "../../client/follow.ts";
import { isFinalJobState } from "../../../protocol/states.ts";

/** The rate is that of this last span: short enough to follow the job, long enough not to flicker. */
const RATE_SPAN_MS = 10_000;
/** Samples are at least this far apart, which bounds them to 40. */
const SAMPLE_STEP_MS = 250;

interface Sample {
  readonly atMs: number;
  /** Tasks that were run to an end: skipping a thousand says nothing about the speed. */
  readonly executed: number;
}

export interface Progress {
  readonly change: JobChange;
  readonly samples: readonly Sample[];
}

const executedTasks = (tasks: TaskCounts): number => tasks.succeeded + tasks.failed;

/** `nowMs` is of the same wall clock as the times in `change`. */
export function addChange(before: Progress | null, change: JobChange, nowMs: number): Progress {
  const sample: Sample = { atMs: nowMs, executed: executedTasks(change.summary.tasks) };
  if (before === null) return { change, samples: [sample] };
  const last = before.samples.at(-1);
  const isDue = last === undefined || nowMs - last.atMs >= SAMPLE_STEP_MS;
  const kept = before.samples.filter(({ atMs }) => nowMs - atMs <= RATE_SPAN_MS);
  return { change, samples: isDue ? [...kept, sample] : kept.length > 0 ? kept : [sample] };
}

/** Tasks run per second lately; of the whole job when it is final. Null when there is nothing to tell it from. */
export function taskRate(progress: Progress, nowMs: number): number | null {
  const { summary } = progress.change;
  if (isFinalJobState(summary.state)) return overallRate(progress.change);
  const first = progress.samples[0];
  if (first === undefined || nowMs - first.atMs < SAMPLE_STEP_MS) return null;
  return ((executedTasks(summary.tasks) - first.executed) * 1000) / (nowMs - first.atMs);
}

/** Before this, and with less done than a tenth, nobody knows. */
const LEFT_AFTER_MS = 5_000;
const LEFT_FROM = 0.1;

/** How long the rest takes if it goes on as it did from the start; null when that cannot be told yet. */
export function timeLeftMs(progress: Progress, nowMs: number): number | null {
  const { summary } = progress.change;
  const tookMs = elapsedMs(summary.startedAtMs, nowMs);
  const executed = executedTasks(summary.tasks);
  if (isFinalJobState(summary.state) || tookMs < LEFT_AFTER_MS || executed < summary.tasks.total * LEFT_FROM)
    return null;
  return (tookMs / executed) * (summary.tasks.total - executed);
}

function overallRate({ summary }: JobChange): number | null {
  const tookMs = elapsedMs(summary.startedAtMs, summary.finishedAtMs ?? summary.createdAtMs);
  const executed = executedTasks(summary.tasks);
  return tookMs > 0 && executed > 0 ? (executed * 1000) / tookMs : null;
}

/** From the start (0 if it has not started) to `nowMs`; never negative, since wall clocks are set. */
export const elapsedMs = (startedAtMs: number | null, nowMs: number): number =>
  startedAtMs === null ? 0 : Math.max(0, nowMs - startedAtMs);

export function formatRate(rate: number): string {
  const digits = rate >= 100 ? 0 : 1;
  return `${rate.toFixed(digits)} tasks/s`;
}
