/**
 * `qrew run FILE`: submits, follows, and ends as the job does. Progress goes to stderr, the result to stdout.
 *
 * Ctrl-C cancels the job and waits until its last process is gone; a second one leaves at once. Before the job is submitted
 * it leaves nothing behind. A hangup or SIGTERM ends only this command: a lost login must not cost the work of hours.
 */
import type { JobSummary } from "../../../protocol/clientLink.ts";
import { QrewError } from "../../../protocol/errors.ts";
import { followJobs } from "../../client/follow.ts";
import type { DaemonLink } from "../../client/link.ts";
import type { AcceptedJob } from "../../client/submit.ts";
import { type CommandContext, type EndingSignal, type ExitCode, exitCodeOfSignal } from "../context.ts";
import { openProgressView } from "../progressView.ts";
import { printResult } from "../result.ts";
import { type SubmissionFlags, submitFile } from "../submitting.ts";
import { cancelSubmitted, requestCancel } from "../takingBack.ts";

export interface RunFlags extends SubmissionFlags {
  readonly detach?: boolean;
}

export async function run(context: CommandContext, file: string, flags: RunFlags): Promise<ExitCode> {
  const submitted = await submitFile(context, file, flags);
  if (submitted.type === "left") return exitCodeOfSignal(submitted.signal);
  const { signal } = submitted;
  const { job, link } = submitted.result;
  try {
    if (flags.detach === true) {
      if (signal === "SIGINT") {
        await cancelSubmitted(context, link, job);
        return exitCodeOfSignal(signal);
      }
      await context.terminal.line(
        flags.json === true
          ? JSON.stringify({ version: 1, jobId: job })
          : `job ${job} accepted: see \`qrew show ${job}\``,
      );
      return signal === null ? 0 : exitCodeOfSignal(signal);
    }
    const followed = await followToEnd(context, link, submitted.result, signal);
    if (followed.type === "left") return exitCodeOfSignal(followed.signal);
    await printResult(context, followed.summary, flags.json === true);
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

async function followToEnd(
  context: CommandContext,
  link: DaemonLink,
  { job, tasks }: AcceptedJob,
  early: EndingSignal | null,
): Promise<Followed> {
  const view = openProgressView(context.terminal, job, tasks);
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
  try {
    for await (const change of followJobs(link.reach, [job], leave.signal)) {
      last = change.summary;
      view.show(change);
    }
  } finally {
    offSignal();
    view.close();
  }
  if (leave.signal.aborted) return { type: "left", signal: leftBy };
  if (last === null) throw new QrewError("internal", `Nothing was heard of job ${job}.`);
  return { type: interrupted ? "cancelled" : "ended", summary: last };
}
