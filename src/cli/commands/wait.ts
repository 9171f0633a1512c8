/** `qrew wait JOB…`: a line for each job as it ends; 0 only if all succeeded. */
import type { JobSummary } from "../../../protocol/clientLink.ts";
import { isFinalJobState } from "../../../protocol/states.ts";
import type { JobSeq } from "../../../protocol/ids.ts";
import { followJobs } from "../../client/follow.ts";
import { DaemonLink } from "../../client/link.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { findJobs } from "../jobReferences.ts";
import { jsonDocument, jsonSummary } from "../json.ts";
import { withReader } from "../reading.ts";
import { summaryLine } from "../view/summaryView.ts";

export interface WaitFlags {
  readonly json?: boolean;
  readonly ndjson?: boolean;
}

export async function wait(
  context: CommandContext,
  jobTexts: readonly string[],
  flags: WaitFlags,
): Promise<ExitCode> {
  const { terminal } = context;
  const settled = new Set<JobSeq>();
  const jobs = await withReader(context, async (reader) => {
    const found = findJobs(reader, jobTexts, { all: "open" });
    for (const { job } of found) if (reader.isSettled(job)) settled.add(job);
    return found;
  });
  const rounds = new Map(jobs.map(({ job, round }) => [job, round]));
  const ended = new Map<JobSeq, JobSummary>();
  const record = async (summary: JobSummary): Promise<void> => {
    ended.set(summary.job, summary);
    if (flags.ndjson === true) await terminal.line(JSON.stringify(jsonSummary(summary)));
    else if (flags.json !== true)
      await terminal.line(summaryLine(summary, terminal.style, rounds.get(summary.job)));
  };
  // What is told as ended can be retried at once.
  for (const job of jobs.filter(({ job }) => settled.has(job))) await record(job);
  const open = jobs.map(({ job }) => job).filter((job) => !settled.has(job));
  if (open.length > 0) await waitForOpen(context, open, record);
  const summaries = jobs.map(({ job }) => ended.get(job)).filter((summary) => summary !== undefined);
  if (flags.json === true) await terminal.line(jsonDocument({ jobs: summaries.map(jsonSummary) }));
  return summaries.every(({ state }) => state === "succeeded") ? 0 : 1;
}

/** Starts a daemon if none runs: without one the jobs would never end. */
async function waitForOpen(
  context: CommandContext,
  jobs: readonly JobSeq[],
  record: (summary: JobSummary) => Promise<void>,
): Promise<void> {
  const link = new DaemonLink({ home: await context.home(), start: "ifAbsent", transient: true });
  try {
    for await (const { summary } of followJobs(link.reach, jobs)) {
      if (isFinalJobState(summary.state)) await record(summary);
    }
  } finally {
    link.close();
  }
}
