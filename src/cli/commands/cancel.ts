/** `qrew cancel JOB…`: asks, and returns when the last process of each job is gone. */
import type { JobSummary } from "../../../protocol/clientLink.ts";
import { QrewError } from "../../../protocol/errors.ts";
import { isFinalJobState } from "../../../protocol/states.ts";
import type { JobSeq } from "../../../protocol/ids.ts";
import { cancelJobs } from "../../client/cancel.ts";
import { followJobs } from "../../client/follow.ts";
import { DaemonLink } from "../../client/link.ts";
import type { JobView } from "../../client/jobView.ts";
import { type CommandContext, type ExitCode, exitCodeOfSignal, type EndingSignal } from "../context.ts";
import { type FilterFlags, hasFilter, parseFilter } from "../jobFilters.ts";
import { findJobs } from "../jobReferences.ts";
import { jsonDocument, jsonSummary } from "../json.ts";
import { withReader } from "../reading.ts";
import { titleOf } from "../view/plainView.ts";

export interface CancelFlags extends FilterFlags {
  readonly json?: boolean;
  readonly ndjson?: boolean;
}

export async function cancel(
  context: CommandContext,
  jobTexts: readonly string[],
  flags: CancelFlags,
): Promise<ExitCode> {
  const { terminal } = context;
  const jobs = await meantJobs(context, jobTexts, flags);
  if (jobs.length === 0) {
    terminal.note("qrew: no open job is meant: there is nothing to cancel.");
    if (flags.json === true) await terminal.line(jsonDocument({ jobs: [] }));
    return 0;
  }
  const open = jobs.filter(({ state }) => !isFinalJobState(state));
  const summaries = new Map<JobSeq, JobSummary>(jobs.map((job) => [job.job, job]));
  const say = async (text: string): Promise<void> => {
    if (flags.json !== true && flags.ndjson !== true) await terminal.line(text);
  };
  for (const job of jobs.filter(({ state }) => isFinalJobState(state))) {
    await say(`${titleOf(job)} had already ended: ${job.state}`);
    if (flags.ndjson === true) await terminal.line(JSON.stringify(jsonSummary(job)));
  }
  if (open.length > 0) {
    const leftBy = await cancelOpen(context, open, async (summary) => {
      summaries.set(summary.job, summary);
      await say(endText(summary));
      if (flags.ndjson === true) await terminal.line(JSON.stringify(jsonSummary(summary)));
    });
    if (leftBy !== null) return exitCodeOfSignal(leftBy);
  }
  if (flags.json === true)
    await terminal.line(jsonDocument({ jobs: [...summaries.values()].map(jsonSummary) }));
  return 0;
}

/** Without a job that is named, all open ones that match the filters. Throws `usage` when neither says which. */
async function meantJobs(
  context: CommandContext,
  jobTexts: readonly string[],
  flags: FilterFlags,
): Promise<readonly JobView[]> {
  if (jobTexts.length === 0 && !hasFilter(flags)) {
    throw new QrewError(
      "usage",
      "No job is named: write `qrew cancel 7`, or `qrew cancel all` for every open one.",
    );
  }
  const filter = parseFilter(flags, Date.now());
  const texts = jobTexts.length === 0 ? ["all"] : jobTexts;
  const found = await withReader(context, async (reader) => findJobs(reader, texts, { all: "open" }));
  return found.filter((job) => filter.matches(job));
}

/** A job whose last task ended before the request came in has ended as it would have without. */
function endText(summary: JobSummary): string {
  const title = titleOf(summary);
  if (summary.state !== "cancelled") return `${title} ended before it could be cancelled: ${summary.state}`;
  return `${title} cancelled: ${summary.detail ?? "its last process is gone"}`;
}

/** Returns the signal that ended the waiting, or null when all have ended. */
async function cancelOpen(
  context: CommandContext,
  jobs: readonly JobView[],
  ended: (summary: JobSummary) => Promise<void>,
): Promise<EndingSignal | null> {
  const numbers = jobs.map(({ job }) => job);
  const link = new DaemonLink({ home: await context.home(), start: "ifAbsent", transient: true });
  const leave = new AbortController();
  let leftBy: EndingSignal | null = null;
  try {
    await cancelJobs(await link.reach(), numbers);
    const offSignal = context.onSignal((signal) => {
      leftBy = signal;
      context.terminal.note("leaving; the cancellation goes on");
      leave.abort();
    });
    for await (const { summary } of followJobs(link.reach, numbers, leave.signal)) {
      if (isFinalJobState(summary.state)) await ended(summary);
    }
    offSignal();
    return leftBy;
  } finally {
    link.close();
  }
}
