/** The live view of `qrew run` on a terminal: bar, counts, rate, and the tasks that run. */
import type { Progress } from "./progress.ts";
import { elapsedMs, formatRate, taskRate, timeLeftMs } from "./progress.ts";
import { countSpans, finishedTasks, progressBar } from "./bar.ts";
import { paintLine, type Span, type Style, span, toneOf } from "./style.ts";
import { formatNumber, padStart, printable } from "./text.ts";
import { formatAge, formatDuration } from "./time.ts";

/** The manager names no more; a longer list is not read in a tenth of a second anyway. */
const RUNNING_NAMES_MAX = 8;
const BAR_COLUMNS_MAX = 40;
const BAR_COLUMNS_MIN = 10;

export interface LiveOptions {
  readonly style: Style;
  /** Lines that the terminal has; the view leaves one of them free. */
  readonly rows: number;
  readonly nowMs: number;
  /** Shown in place of the state, as `cancelling`; null for none. */
  readonly doing: string | null;
}

/** The lines as they are to be shown, each within the columns of the style. */
export function liveView(progress: Progress, options: LiveOptions): readonly string[] {
  const { summary } = progress.change;
  const lines: (readonly Span[])[] = [
    headLine(progress, options),
    barLine(progress, options),
    [span("  "), ...countSpans(summary.tasks)],
    ...runningLines(progress, options),
  ];
  return lines.slice(0, Math.max(1, options.rows - 1)).map((line) => paintLine(line, options.style));
}

function headLine(progress: Progress, { nowMs, doing }: LiveOptions): readonly Span[] {
  const { summary } = progress.change;
  const spans: Span[] = [
    span(`job ${summary.job}`, "strong"),
    span(` ${printable(summary.name)}`),
    span("  "),
    span(doing ?? summary.state, doing === null ? toneOf(summary.state) : "bad"),
  ];
  if (summary.startedAtMs !== null)
    spans.push(span(`  ${formatDuration(elapsedMs(summary.startedAtMs, nowMs))}`));
  const rate = taskRate(progress, nowMs);
  if (rate !== null) spans.push(span(`  ${formatRate(rate)}`, "quiet"));
  const leftMs = timeLeftMs(progress, nowMs);
  if (leftMs !== null) spans.push(span(`  ${formatDuration(leftMs)} left`, "quiet"));
  return spans;
}

function barLine(progress: Progress, { style }: LiveOptions): readonly Span[] {
  const { tasks } = progress.change.summary;
  const finished = finishedTasks(tasks);
  const percent = tasks.total === 0 ? 100 : Math.floor((finished * 100) / tasks.total);
  const total = formatNumber(tasks.total);
  const tail = ` ${padStart(formatNumber(finished), total.length)}/${total} ${padStart(String(percent), 3)}%`;
  const room = style.columns - tail.length - 2;
  const columns = Math.min(BAR_COLUMNS_MAX, Number.isFinite(room) ? room : BAR_COLUMNS_MAX);
  // Too narrow for a bar that says anything: the numbers alone.
  const bar = columns < BAR_COLUMNS_MIN ? [span(" ")] : [span("  "), ...progressBar(tasks, columns, style)];
  return [...bar, span(tail)];
}

function runningLines(progress: Progress, { nowMs, rows }: LiveOptions): readonly (readonly Span[])[] {
  const { running, summary } = progress.change;
  const room = Math.min(RUNNING_NAMES_MAX, Math.max(0, rows - 5));
  const shown = [...running].sort((a, b) => a.startedAtMs - b.startedAtMs).slice(0, room);
  const lines: (readonly Span[])[] = shown.map(({ name, attempt, startedAtMs }) => [
    span(`  ${padStart(formatAge(elapsedMs(startedAtMs, nowMs)), 4)}  `, "busy"),
    span(printable(name)),
    ...(attempt > 1 ? [span(` (attempt ${attempt})`, "quiet")] : []),
  ]);
  const more = summary.tasks.running - shown.length;
  if (more > 0 && shown.length > 0) lines.push([span(`        and ${formatNumber(more)} more`, "quiet")]);
  return lines;
}
