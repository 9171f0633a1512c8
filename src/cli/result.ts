/** How a followed job has ended: one sentence, the first errors, and what to type next; or all of it as JSON. */
import type { JobSummary } from "../../protocol/clientLink.ts";
import { firstFailures } from "../client/failures.ts";
import type { CommandContext } from "./context.ts";
import { jsonDocument, jsonFailure, jsonJob } from "./json.ts";
import { withReader } from "./reading.ts";
import { shellWord } from "./shellWord.ts";
import { failureView } from "./view/failureView.ts";
import { nextCommands } from "./view/showView.ts";
import { summaryLine } from "./view/summaryView.ts";
import { paintLine, span } from "./view/style.ts";
import { plural, printable } from "./view/text.ts";

export async function printResult(
  context: CommandContext,
  summary: JobSummary,
  json: boolean,
): Promise<void> {
  const { terminal } = context;
  await withReader(context, async (reader) => {
    const job = reader.job(summary.job);
    const failures =
      job === null || summary.tasks.failed === 0 ? [] : firstFailures(reader, reader.tasks(job));
    if (json) {
      const fields = job === null ? {} : { ...jsonJob(job), errors: failures.map(jsonFailure) };
      await terminal.line(jsonDocument(fields));
      return;
    }
    await terminal.line(summaryLine(summary, terminal.style, job?.round));
    if (job === null || summary.state === "succeeded") return;
    for (const failure of failures) {
      for (const line of ["", ...failureView(failure, terminal.style)]) await terminal.line(line);
    }
    const more = summary.tasks.failed - failures.length;
    if (more > 0) await terminal.line(`and ${plural(more, "more failed task")}`);
    await terminal.line(`\nnext: ${nextCommands({ job, failures }).join("  ·  ")}`);
  });
}

/**
 * After what the tasks of a command have written: on stderr, so that a pipe gets that alone, and without their last lines,
 * which were printed already. What failed is shown as it was executed.
 */
export async function noteResult(context: CommandContext, summary: JobSummary): Promise<void> {
  const { terminal } = context;
  const style = terminal.noteStyle;
  await withReader(context, async (reader) => {
    const job = reader.job(summary.job);
    const plan = reader.plan(summary.job);
    const failures =
      job === null || summary.tasks.failed === 0 ? [] : firstFailures(reader, reader.tasks(job));
    for (const { task } of failures) {
      const command = plan === null ? "" : commandText(plan.resolve(task.task).command);
      terminal.note(
        paintLine(
          [
            span(printable(task.name), "strong"),
            span(" failed", "bad"),
            span(`: ${printable(task.reason ?? "no reason is known")}: `),
            span(printable(command)),
          ],
          style,
        ),
      );
    }
    const more = summary.tasks.failed - failures.length;
    if (more > 0 && failures.length > 0)
      terminal.note(`and ${plural(more, "more failed task")}: qrew tasks ${summary.job}`);
    terminal.note(summaryLine(summary, style, job?.round));
  });
}

const commandText = (command: string | readonly string[]): string =>
  typeof command === "string" ? command : command.map(shellWord).join(" ");
