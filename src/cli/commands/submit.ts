/** `qrew submit FILE` and `qrew submit -- COMMAND`: the number of the job on stdout, alone, so that scripts can take it. */
import { QrewError } from "../../../protocol/errors.ts";
import {
  type CommandFlags,
  type Operands,
  readRequest,
  type Request,
  requestedWork,
  withoutPlaces,
} from "../commandLine/work.ts";
import type { Interruptible } from "../interrupting.ts";
import { type CommandContext, type ExitCode, exitCodeOfSignal } from "../context.ts";
import { cancelSubmitted } from "../takingBack.ts";
import { type SubmissionFlags, type Submitted, submitWork } from "../submitting.ts";

export interface SubmitFlags extends SubmissionFlags, CommandFlags {}

export async function submit(
  context: CommandContext,
  operands: Operands,
  flags: SubmitFlags,
): Promise<ExitCode> {
  const submitted = await submitRequest(context, readRequest(operands, flags), flags);
  if (submitted.type === "left") return exitCodeOfSignal(submitted.signal);
  const { job, link, repeated } = submitted.result;
  try {
    if (submitted.signal === "SIGINT") {
      await cancelSubmitted(context, link, job);
      return exitCodeOfSignal("SIGINT");
    }
  } finally {
    link.close();
  }
  await context.terminal.line(
    flags.json === true ? JSON.stringify({ version: 1, jobId: job, repeated }) : String(job),
  );
  return submitted.signal === null ? 0 : exitCodeOfSignal(submitted.signal);
}

/** A document, or a command that is one. */
export async function submitRequest(
  context: CommandContext,
  request: Request,
  flags: SubmitFlags,
): Promise<Interruptible<Submitted>> {
  try {
    return await submitWork(context, () => requestedWork(request, flags), flags);
  } catch (thrown) {
    throw request.type === "command" ? withoutPlaces(QrewError.from(thrown)) : thrown;
  }
}
