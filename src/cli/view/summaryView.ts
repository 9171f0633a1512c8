/** What is left of a job on the screen when it has ended: one sentence. */
import type { JobSummary } from "../../../protocol/clientLink.ts";
import { countSpans } from "./bar.ts";
import { titleOf } from "./plainView.ts";
import { elapsedMs, formatRate } from "./progress.ts";
import { paintLine, type Span, type Style, span, toneOf } from "./style.ts";
import { plural, printable } from "./text.ts";
import { formatDuration } from "./time.ts";

/**
 * `job 3 (demo) succeeded: 40 tasks in 8.3s, 4.8 tasks/s`, or with the counts where not all succeeded. A further round says so, and no
 * rate: most tasks have their end from an earlier one.
 */
export function summaryLine(summary: JobSummary, style: Style, round = 1): string {
  const { tasks } = summary;
  const spans: Span[] = [
    span(`${titleOf(summary)} `),
    span(summary.state, toneOf(summary.state)),
    span(round === 1 ? ": " : ` in round ${round}: `),
  ];
  if (tasks.succeeded === tasks.total) spans.push(span(plural(tasks.total, "task")));
  else spans.push(...countSpans(tasks), span(` of ${plural(tasks.total, "task")}`));
  if (summary.startedAtMs !== null && summary.finishedAtMs !== null) {
    const tookMs = elapsedMs(summary.startedAtMs, summary.finishedAtMs);
    spans.push(span(` in ${formatDuration(tookMs)}`));
    const executed = tasks.succeeded + tasks.failed;
    if (round === 1 && executed > 1 && tookMs > 0)
      spans.push(span(`, ${formatRate((executed * 1000) / tookMs)}`));
  }
  if (summary.detail !== null) spans.push(span(`; ${printable(summary.detail)}`, "bad"));
  // The sentence is what the command is for: it is wrapped by the terminal rather than cut.
  return paintLine(spans, { ...style, columns: Number.POSITIVE_INFINITY });
}
