/** `qrew show JOB`. */
import { QrewError } from "../../../protocol/errors.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { findJobs } from "../jobReferences.ts";
import { jsonDocument, jsonFailure, jsonJob } from "../json.ts";
import type { JobView } from "../../client/jobView.ts";
import type { StateReader } from "../../client/read.ts";
import { withReader } from "../reading.ts";
import { gatherShownJob } from "../shownJob.ts";
import { showView } from "../view/showView.ts";
import { firstFailures } from "../../client/failures.ts";

export interface ShowFlags {
  readonly json?: boolean;
  readonly ndjson?: boolean;
}

export function show(
  context: CommandContext,
  jobTexts: readonly string[],
  flags: ShowFlags,
): Promise<ExitCode> {
  const { terminal } = context;
  return withReader(context, async (reader) => {
    const jobs = findJobs(reader, jobTexts);
    if (flags.json === true && flags.ndjson !== true) {
      const [job, second] = jobs;
      if (job === undefined || second !== undefined)
        throw new QrewError("usage", "--json shows one job: use --ndjson for a line for each of several.");
      await terminal.line(jsonDocument(shownJson(reader, job)));
      return 0;
    }
    for (const [index, job] of jobs.entries()) {
      if (flags.ndjson === true) {
        await terminal.line(JSON.stringify(shownJson(reader, job)));
        continue;
      }
      if (index > 0) await terminal.line("");
      const lines = showView(gatherShownJob(reader, job), Date.now(), terminal.style);
      for (const line of lines) await terminal.line(line);
    }
    return 0;
  });
}

function shownJson(reader: StateReader, job: JobView): object {
  const failures = job.tasks.failed === 0 ? [] : firstFailures(reader, reader.tasks(job));
  return { ...jsonJob(job), errors: failures.map(jsonFailure) };
}
