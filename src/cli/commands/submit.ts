/** `qrew submit FILE`: the number of the job on stdout, alone, so that scripts can take it. */
import { type CommandContext, type ExitCode, exitCodeOfSignal } from "../context.ts";
import { cancelSubmitted } from "../takingBack.ts";
import { type SubmissionFlags, submitFile } from "../submitting.ts";

export async function submit(
  context: CommandContext,
  file: string,
  flags: SubmissionFlags,
): Promise<ExitCode> {
  const submitted = await submitFile(context, file, flags);
  if (submitted.type === "left") return exitCodeOfSignal(submitted.signal);
  const { job, link } = submitted.result;
  try {
    if (submitted.signal === "SIGINT") {
      await cancelSubmitted(context, link, job);
      return exitCodeOfSignal("SIGINT");
    }
  } finally {
    link.close();
  }
  await context.terminal.line(flags.json === true ? JSON.stringify({ version: 1, jobId: job }) : String(job));
  return submitted.signal === null ? 0 : exitCodeOfSignal(submitted.signal);
}
