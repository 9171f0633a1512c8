/** A bar of a job's tasks: succeeded, failed, cancelled or skipped, running, and what is left. */
import type { TaskCounts } from "../../../protocol/fields.ts";
import { formatNumber } from "./text.ts";
import type { Style, Tone } from "./style.ts";

/** Tasks that are final. */
export const finishedTasks = (tasks: TaskCounts): number =>
  tasks.succeeded + tasks.failed + tasks.cancelled + tasks.skipped;

/**
 * `columns` characters. Whatever there is at least one of gets at least one of them as long as there is room, so that one
 * failure among thousands is seen; the bar is full only when nothing is left.
 */
export function progressBar(tasks: TaskCounts, columns: number, style: Style): string {
  const parts: readonly (readonly [number, Tone])[] = [
    [tasks.succeeded, "good"],
    [tasks.failed, "bad"],
    [tasks.cancelled + tasks.skipped, "quiet"],
    [tasks.running, "busy"],
  ];
  let left = columns;
  let bar = "";
  const counted = parts.reduce((sum, [count]) => sum + count, 0);
  const reserve = counted < tasks.total ? 1 : 0;
  for (const [count, tone] of parts) {
    if (count === 0) continue;
    const share = Math.max(1, Math.floor((count * columns) / Math.max(1, tasks.total)));
    const isLast = reserve === 0 && tone === lastTone(parts);
    const cells = isLast ? left : Math.min(share, left - reserve);
    if (cells <= 0) continue;
    bar += style.paint(tone, (tone === "busy" ? runningCell(style) : style.full).repeat(cells));
    left -= cells;
  }
  return bar + style.empty.repeat(left);
}

function lastTone(parts: readonly (readonly [number, Tone])[]): Tone | undefined {
  return parts.filter(([count]) => count > 0).at(-1)?.[1];
}

const runningCell = (style: Style): string => (style.full === "#" ? ">" : "▒");

/** Counts that are not zero, in the order of a task's life: `3 waiting, 2 running, 40 succeeded, 1 failed`. */
export function formatCounts(tasks: TaskCounts, style: Style): string {
  const parts: readonly (readonly [number, string, Tone])[] = [
    [tasks.waiting, "waiting", "quiet"],
    [tasks.ready, "ready", "quiet"],
    [tasks.backoff, "in backoff", "busy"],
    [tasks.running, "running", "busy"],
    [tasks.succeeded, "succeeded", "good"],
    [tasks.failed, "failed", "bad"],
    [tasks.cancelled, "cancelled", "bad"],
    [tasks.skipped, "skipped", "quiet"],
  ];
  const texts = parts
    .filter(([count]) => count > 0)
    .map(([count, word, tone]) => style.paint(tone, `${formatNumber(count)} ${word}`));
  return texts.length === 0 ? "no tasks" : texts.join(", ");
}
