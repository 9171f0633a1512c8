/** `qrew retry JOB…`: opens the next round of jobs that have ended; `--file` brings a corrected document. */
import { QrewError } from "../../../protocol/errors.ts";
import type { JobView } from "../../client/jobView.ts";
import { DaemonLink } from "../../client/link.ts";
import { type CorrectedDocument, retryJob } from "../../client/retry.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { type ImportFlags, importSettings } from "../importing.ts";
import { findJobs } from "../jobReferences.ts";
import { jsonDocument } from "../json.ts";
import { withReader } from "../reading.ts";
import { openDocument } from "../submitting.ts";
import { titleOf } from "../view/plainView.ts";

export interface RetryFlags extends ImportFlags {
  readonly file?: string;
  readonly json?: boolean;
}

export async function retry(
  context: CommandContext,
  jobTexts: readonly string[],
  flags: RetryFlags,
): Promise<ExitCode> {
  const jobs = await withReader(context, async (reader) => findJobs(reader, jobTexts));
  const corrected = flags.file === undefined ? null : correctedDocument(flags.file, flags);
  if (corrected !== null && jobs.length !== 1)
    throw new QrewError("usage", "--file has the corrected document of one job: name one.");
  const link = new DaemonLink({ home: await context.home(), start: "ifAbsent", transient: true });
  try {
    for (const job of jobs) {
      await retryJob(link.reach, job.job, corrected);
      if (flags.json !== true) await context.terminal.line(roundText(job));
    }
  } finally {
    link.close();
  }
  const rounds = jobs.map(({ job, round }) => ({ jobId: job, round: round + 1 }));
  if (flags.json === true) await context.terminal.line(jsonDocument({ rounds }));
  return 0;
}

const correctedDocument = (file: string, flags: ImportFlags): CorrectedDocument => ({
  document: openDocument(file),
  source: file,
  import: importSettings(flags),
});

const roundText = (job: JobView): string =>
  `${titleOf(job)} begins round ${job.round + 1}; to wait for its end: qrew wait ${job.job}`;
