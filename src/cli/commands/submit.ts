/** `qrew submit FILE`: the number of the job on stdout, alone, so that scripts can take it. */
import type { CommandContext, ExitCode } from "../context.ts";
import { type SubmissionFlags, submitFile } from "../submitting.ts";

export async function submit(
  context: CommandContext,
  file: string,
  flags: SubmissionFlags,
): Promise<ExitCode> {
  const { job, link } = await submitFile(context, file, flags);
  link.close();
  await context.terminal.line(flags.json === true ? JSON.stringify({ version: 1, jobId: job }) : String(job));
  return 0;
}
