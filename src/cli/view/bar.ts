/** A bar of a job's tasks, and their counts in words. */
import type { TaskCounts } from "../../../protocol/fields.ts";
import { type Span, type Style, span, type Tone } from "./style.ts";
import { formatNumber } from "./text.ts";

/** Tasks that are final. */
export const finishedTasks = (tasks: TaskCounts): number =>
  tasks.succeeded + tasks.failed + tasks.cancelled + tasks.skipped;

/**
 * `columns` cells: succeeded, failed, cancelled or skipped, running, rest. Whatever there is at least one of has at least
 * one cell, so that one failure among thousands is seen; the bar is full only when nothing is left.
 */
export function progressBar(tasks: TaskCounts, columns: number, style: Style): readonly Span[] {
  const full = style.unicode ? "█" : "#";
  const rest = tasks.total - finishedTasks(tasks) - tasks.running;
  const parts: readonly { count: number; cell: string; tone: Tone }[] = [
    { count: tasks.succeeded, cell: full, tone: "good" },
    { count: tasks.failed, cell: style.unicode && style.colour ? "█" : "x", tone: "bad" },
    { count: tasks.cancelled + tasks.skipped, cell: style.unicode ? "▓" : "-", tone: "quiet" },
    { count: tasks.running, cell: style.unicode ? "▒" : ">", tone: "busy" },
    { count: rest, cell: style.unicode ? "░" : ".", tone: "quiet" },
  ];
  const cells = shareCells(
    parts.map((part) => part.count),
    columns,
  );
  return parts
    .map((part, index) => span(part.cell.repeat(cells[index] ?? 0), part.tone))
    .filter(({ text }) => text !== "");
}

/** Whole cells in proportion to `counts`, one at least for each that is not 0, `columns` together (if there are that many). */
export function shareCells(counts: readonly number[], columns: number): readonly number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return counts.map((_, index) => (index === counts.length - 1 ? columns : 0));
  const cells = counts.map((count) => (count === 0 ? 0 : Math.max(1, Math.floor((count * columns) / total))));
  const largest = counts.indexOf(Math.max(...counts));
  const used = cells.reduce((sum, cell) => sum + cell, 0);
  cells[largest] = Math.max(1, (cells[largest] ?? 0) + columns - used);
  return cells;
}

/** Counts that are not zero, what has ended first: `40 succeeded, 1 failed, 2 running, 3 waiting`. */
export function countSpans(tasks: TaskCounts): readonly Span[] {
  const parts: readonly (readonly [number, string, Tone])[] = [
    [tasks.succeeded, "succeeded", "good"],
    [tasks.failed, "failed", "bad"],
    [tasks.cancelled, "cancelled", "bad"],
    [tasks.skipped, "skipped", "quiet"],
    [tasks.running, "running", "busy"],
    [tasks.backoff, "in backoff", "busy"],
    [tasks.ready, "ready", "plain"],
    [tasks.waiting, "waiting", "quiet"],
  ];
  const spans: Span[] = [];
  for (const [count, word, tone] of parts) {
    if (count === 0) continue;
    if (spans.length > 0) spans.push(span(", "));
    spans.push(span(`${formatNumber(count)} ${word}`, tone));
  }
  return spans.length === 0 ? [span("no tasks")] : spans;
}
