/** Lines about a running job for logs and pipes: seldom, complete in themselves, without colour. */
import type { JobSummary } from "../../../protocol/clientLink.ts";
import { finishedTasks } from "./bar.ts";
import type { Progress } from "./progress.ts";
import { elapsedMs, formatRate, taskRate } from "./progress.ts";
import { formatNumber, printable } from "./text.ts";
import { formatDuration } from "./time.ts";

/** Between two lines. A log of an hour has 1,800 of them at most, and only where something changed. */
export const PLAIN_LINE_STEP_MS = 2_000;

/** Less would be shown as 0.0: nothing ended lately, which the count says already. */
const RATE_SHOWN_MIN = 0.05;

export const titleOf = (summary: Pick<JobSummary, "job" | "name">): string =>
  `job ${summary.job} (${printable(summary.name)})`;

/** `job 3 (demo): 12 of 40 done, 2 running, 1 failed, 6.1 tasks/s, 4.2s`. */
export function plainProgressLine(progress: Progress, nowMs: number): string {
  const { summary } = progress.change;
  const { tasks } = summary;
  const parts = [`${formatNumber(finishedTasks(tasks))} of ${formatNumber(tasks.total)} done`];
  if (tasks.running > 0) parts.push(`${formatNumber(tasks.running)} running`);
  if (tasks.backoff > 0) parts.push(`${formatNumber(tasks.backoff)} in backoff`);
  if (tasks.failed > 0) parts.push(`${formatNumber(tasks.failed)} failed`);
  const rate = taskRate(progress, nowMs);
  if (rate !== null && rate >= RATE_SHOWN_MIN) parts.push(formatRate(rate));
  parts.push(
    summary.startedAtMs === null ? summary.state : formatDuration(elapsedMs(summary.startedAtMs, nowMs)),
  );
  return `${titleOf(summary)}: ${parts.join(", ")}`;
}

/** What of a change is worth a line; equal keys are one line. */
export function plainKey({ change }: Progress): string {
  const { state, tasks } = change.summary;
  return `${state} ${finishedTasks(tasks)} ${tasks.failed} ${tasks.running > 0}`;
}
