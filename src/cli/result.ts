/** How a followed job has ended: one sentence, the first errors, and what to type next; or all of it as JSON. */
import type { JobSummary } from "../../protocol/clientLink.ts";
import { firstFailures } from "../client/failures.ts";
import type { CommandContext } from "./context.ts";
import { jsonDocument, jsonFailure, jsonJob } from "./json.ts";
import { withReader } from "./reading.ts";
import { failureView } from "./view/failureView.ts";
import { nextCommands } from "./view/showView.ts";
import { summaryLine } from "./view/summaryView.ts";
import { plural } from "./view/text.ts";

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
    await terminal.line(summaryLine(summary, terminal.style));
    if (job === null || summary.state === "succeeded") return;
    for (const failure of failures) {
      for (const line of ["", ...failureView(failure, terminal.style)]) await terminal.line(line);
    }
    const more = summary.tasks.failed - failures.length;
    if (more > 0) await terminal.line(`and ${plural(more, "more failed task")}`);
    await terminal.line(`\nnext: ${nextCommands({ job, failures }).join("  ·  ")}`);
  });
}
