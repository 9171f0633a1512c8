/**
 * `qrew run FILE` and `qrew run -- COMMAND`: submits, follows, and ends as the job does. Progress goes to stderr, the result to
 * stdout; of a command that is what its tasks have written, as if it ran here.
 *
 * Ctrl-C cancels the job and waits until its last process is gone; a second one leaves at once. Before the job is submitted
 * it leaves nothing behind. A hangup or SIGTERM ends only this command: a lost login must not cost the work of hours.
 */
import type { JobSummary } from "../../../protocol/clientLink.ts";
import { QrewError } from "../../../protocol/errors.ts";
import type { JobSeq } from "../../../protocol/ids.ts";
import { isFinalJobState } from "../../../protocol/states.ts";
import { followJobs } from "../../client/follow.ts";
import type { DaemonLink } from "../../client/link.ts";
import { followOutput } from "../../client/followOutput.ts";
import { StateReader } from "../../client/read.ts";
import type { AcceptedJob } from "../../client/submit.ts";
import { type CommandContext, type EndingSignal, type ExitCode, exitCodeOfSignal } from "../context.ts";
import { TaskOutputs } from "../commandLine/taskOutputs.ts";
import { type Operands, readRequest } from "../commandLine/work.ts";
import type { Terminal } from "../terminal.ts";
import { openProgressView, openQuietView } from "../progressView.ts";
import { noteResult, printResult } from "../result.ts";
import { type SubmitFlags, submitRequest } from "./submit.ts";
import { cancelSubmitted, requestCancel } from "../takingBack.ts";

export interface RunFlags extends SubmitFlags {
  readonly detach?: boolean;
}

export async function run(context: CommandContext, operands: Operands, flags: RunFlags): Promise<ExitCode> {
  const request = readRequest(operands, flags);
  const submitted = await submitRequest(context, request, flags);
  if (submitted.type === "left") return exitCodeOfSignal(submitted.signal);
  const { signal } = submitted;
  const { job, link, repeated } = submitted.result;
  try {
    if (flags.detach === true) {
      if (signal === "SIGINT") {
        await cancelSubmitted(context, link, job);
        return exitCodeOfSignal(signal);
      }
      await context.terminal.line(
        flags.json === true
          ? JSON.stringify({ version: 1, jobId: job, repeated })
          : `job ${job} accepted: see \`qrew show ${job}\``,
      );
      return signal === null ? 0 : exitCodeOfSignal(signal);
    }
    const isCommand = request.type === "command" && flags.json !== true;
    const reader = new StateReader((await context.home()).folder);
    const printing = isCommand ? { reader, keepOrder: flags.keepOrder === true } : null;
    const followed = await followToEnd(context, link, submitted.result, { early: signal, printing });
    await reader.close();
    if (followed.type === "left") return exitCodeOfSignal(followed.signal);
    if (isCommand) await noteResult(context, followed.summary);
    else await printResult(context, followed.summary, flags.json === true);
    if (followed.type === "cancelled") return exitCodeOfSignal("SIGINT");
    return followed.summary.state === "succeeded" ? 0 : 1;
  } finally {
    link.close();
  }
}

type Followed =
  | { readonly type: "ended"; readonly summary: JobSummary }
  /** By Ctrl-C, and it has ended. */
  | { readonly type: "cancelled"; readonly summary: JobSummary }
  /** The job goes on without this command. */
  | { readonly type: "left"; readonly signal: EndingSignal };

interface FollowOptions {
  /** A signal that came before the number of the job was known. */
  readonly early: EndingSignal | null;
  /** What the tasks wrote is printed as they end; null: it is not. */
  readonly printing: { readonly reader: StateReader; readonly keepOrder: boolean } | null;
}

async function followToEnd(
  context: CommandContext,
  link: DaemonLink,
  { job, tasks }: AcceptedJob,
  { early, printing }: FollowOptions,
): Promise<Followed> {
  const { terminal } = context;
  const isAlone = printing !== null && tasks === 1;
  const view = isAlone ? openQuietView(terminal) : openProgressView(terminal, job, tasks);
  const outputs =
    printing === null || isAlone
      ? null
      : new TaskOutputs(terminal, printing.reader, job, { keepOrder: printing.keepOrder, screen: view });
  const leave = new AbortController();
  let interrupted = false;
  let leftBy: EndingSignal = "SIGINT";
  const heed = (signal: EndingSignal): void => {
    if (signal === "SIGINT" && !interrupted) {
      interrupted = true;
      view.say(
        `cancelling job ${job}; waiting until its last process is gone (Ctrl-C again leaves)`,
        "cancelling",
      );
      void requestCancel(link, job, (text) => view.say(text, null));
      return;
    }
    leftBy = signal;
    const goesOn = interrupted ? "its cancellation goes on" : "it goes on";
    view.say(`leaving job ${job}; ${goesOn}: see \`qrew show ${job}\``, null);
    leave.abort();
  };
  const offSignal = context.onSignal(heed);
  if (early !== null) heed(early);
  let last: JobSummary | null = null;
  const copied = isAlone ? copyOutput(terminal, printing.reader, job, leave) : null;
  // It is awaited when the job has ended, and must not count as unheard until then.
  copied?.catch(() => undefined);
  try {
    for await (const change of followJobs(link.reach, [job], leave.signal)) {
      last = change.summary;
      view.show(change);
      await outputs?.print(isFinalJobState(change.summary.state));
    }
    await copied;
  } finally {
    offSignal();
    await outputs?.close();
    view.close();
  }
  if (leave.signal.aborted) return { type: "left", signal: leftBy };
  if (last === null) throw new QrewError("internal", `Nothing was heard of job ${job}.`);
  return { type: interrupted ? "cancelled" : "ended", summary: last };
}

/** The only task of a command writes as if it ran here: at once. When nobody reads any more, there is nothing to follow. */
async function copyOutput(
  terminal: Terminal,
  reader: StateReader,
  job: JobSeq,
  leave: AbortController,
): Promise<void> {
  const options = { streams: ["stdout", "stderr"], signal: leave.signal } as const;
  try {
    for await (const { stream, bytes } of followOutput(reader, job, options))
      await (stream === "stdout" ? terminal.write(bytes) : terminal.writeError(bytes));
  } catch (error) {
    leave.abort();
    throw error;
  }
}
