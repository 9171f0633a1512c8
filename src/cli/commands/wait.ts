/** `qrew wait JOB…`: a line for each job as it ends; 0 only if all succeeded. */
import type { JobSummary } from "../../../protocol/clientLink.ts";
import { isFinalJobState } from "../../../protocol/states.ts";
import type { JobSeq } from "../../../protocol/ids.ts";
import { followJobs } from "../../client/follow.ts";
import type { JobView } from "../../client/jobView.ts";
import type { StateReader } from "../../client/read.ts";
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
  const { jobs, settled } = await withReader(context, async (reader) => {
    const found = findJobs(reader, jobTexts, { all: "open" });
    return { jobs: found, settled: settledAmong(reader, found) };
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

/** Those that had ended when they were read. One that ended since is still a running one here: it is waited for. */
export function settledAmong(
  reader: Pick<StateReader, "isSettled">,
  jobs: readonly Pick<JobView, "job" | "state">[],
): ReadonlySet<JobSeq> {
  const ended = jobs.filter(({ job, state }) => isFinalJobState(state) && reader.isSettled(job));
  return new Set(ended.map(({ job }) => job));
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
