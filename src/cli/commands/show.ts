/** `qrew show JOB`. */
import type { CommandContext, ExitCode } from "../context.ts";
import { findJob } from "../jobReferences.ts";
import { jsonDocument, jsonFailure, jsonJob } from "../json.ts";
import { withReader } from "../reading.ts";
import { gatherShownJob } from "../shownJob.ts";
import { showView } from "../view/showView.ts";
import { firstFailures } from "../../client/failures.ts";

export interface ShowFlags {
  readonly json?: boolean;
}

export function show(context: CommandContext, jobText: string, flags: ShowFlags): Promise<ExitCode> {
  const { terminal } = context;
  return withReader(context, async (reader) => {
    const job = findJob(reader, jobText);
    if (flags.json === true) {
      const failures = job.tasks.failed === 0 ? [] : firstFailures(reader, reader.tasks(job));
      await terminal.line(jsonDocument({ ...jsonJob(job), errors: failures.map(jsonFailure) }));
      return 0;
    }
    const lines = showView(gatherShownJob(reader, job), Date.now(), terminal.style);
    for (const line of lines) await terminal.line(line);
    return 0;
  });
}
