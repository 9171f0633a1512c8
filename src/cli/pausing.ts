/** What `pause` and `resume` share: the jobs are looked up, the manager is asked, and what came of it is told. */
import type { PauseMode } from "../../protocol/fields.ts";
import type { JobSeq } from "../../protocol/ids.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import type { JobView } from "../client/jobView.ts";
import { DaemonLink } from "../client/link.ts";
import { pauseJobs } from "../client/pause.ts";
import type { CommandContext, ExitCode } from "./context.ts";
import { findJobs } from "./jobReferences.ts";
import { jsonDocument, jsonSummary } from "./json.ts";
import { withReader } from "./reading.ts";
import { titleOf } from "./view/plainView.ts";

export interface PauseOutputFlags {
  readonly json?: boolean;
  readonly ndjson?: boolean;
}

/** `told` is the line for a job that is as asked now. Exits with 1 if a job could not be asked, since it has ended. */
export async function changePause(
  context: CommandContext,
  jobTexts: readonly string[],
  pause: PauseMode,
  flags: PauseOutputFlags,
  told: (job: JobView) => string,
): Promise<ExitCode> {
  const numbers = await withReader(context, async (reader) =>
    findJobs(reader, jobTexts, { all: "open" }).map(({ job }) => job),
  );
  if (numbers.length === 0) context.terminal.note("qrew: no open job is meant: there is nothing to do.");
  const accepted = new Set(await ask(context, numbers, pause));
  const jobs = await withReader(context, async (reader) =>
    numbers.map((job) => reader.job(job)).filter((job) => job !== null),
  );
  // What its QWorker has ended, the manager takes for open until it has heard so. A job that goes on may end at once.
  const isAsAsked = (job: JobView): boolean =>
    accepted.has(job.job) && (pause === "off" || !isFinalJobState(job.state));
  const { terminal } = context;
  if (flags.ndjson === true) for (const job of jobs) await terminal.line(JSON.stringify(jsonSummary(job)));
  else if (flags.json === true) await terminal.line(jsonDocument({ jobs: jobs.map(jsonSummary) }));
  else for (const job of jobs) await terminal.line(isAsAsked(job) ? told(job) : refusal(job));
  return jobs.filter(isAsAsked).length === numbers.length ? 0 : 1;
}

const refusal = (job: JobView): string =>
  isFinalJobState(job.state)
    ? `${titleOf(job)} has ended: ${job.state}`
    : `${titleOf(job)} is being cancelled: it cannot be paused or resumed`;

async function ask(
  context: CommandContext,
  jobs: readonly JobSeq[],
  pause: PauseMode,
): Promise<readonly JobSeq[]> {
  if (jobs.length === 0) return [];
  const link = new DaemonLink({ home: await context.home(), start: "ifAbsent", transient: true });
  try {
    return await pauseJobs(await link.reach(), jobs, pause);
  } finally {
    link.close();
  }
}
