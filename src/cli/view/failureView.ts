/** A failed task with the last that it said. */
import type { TaskFailure } from "../../client/failures.ts";
import { paintLine, type Span, type Style, span } from "./style.ts";
import { attemptText } from "./taskTable.ts";
import { printable } from "./text.ts";

/** `task NAME failed: exit code 7 (attempt 3 of 3)`, and the last lines of what it wrote, indented. */
export function failureView(failure: TaskFailure, style: Style): readonly string[] {
  const { task, excerpt } = failure;
  const head: Span[] = [
    span("task "),
    span(printable(task.name), "strong"),
    span(" failed", "bad"),
    span(`: ${printable(task.reason ?? "no reason is known")}`),
  ];
  const attempts = attemptText(task);
  if (attempts !== "") head.push(span(` (attempt ${attempts})`, "quiet"));
  // A reason is worth a second row; lines of output are cut.
  const lines = [paintLine(head, { ...style, columns: Number.POSITIVE_INFINITY })];
  if (excerpt === null) {
    if (task.startedAtMs !== null) lines.push(paintLine([span("    it wrote nothing", "quiet")], style));
    return lines;
  }
  const bar = style.unicode ? "│" : "|";
  lines.push(paintLine([span(`    last lines of ${excerpt.stream}:`, "quiet")], style));
  for (const line of excerpt.lines)
    lines.push(paintLine([span(`    ${bar} `, "quiet"), span(printable(line))], style));
  return lines;
}
