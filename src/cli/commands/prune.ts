/** `qrew prune`: deletes jobs that have ended, by age, number, state or name. */
import { QrewError } from "../../../protocol/errors.ts";
import { isFinalJobState } from "../../../protocol/states.ts";
import type { JobView } from "../../client/jobView.ts";
import { DaemonLink } from "../../client/link.ts";
import { pruneJobs } from "../../client/prune.ts";
import type { StateReader } from "../../client/read.ts";
import { readDuration } from "../../workflow/quantity.ts";
import { parseInteger } from "../arguments.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { type FilterFlags, hasFilter, parseFilter } from "../jobFilters.ts";
import { findJobs } from "../jobReferences.ts";
import { jsonDocument, jsonSummary } from "../json.ts";
import { withReader } from "../reading.ts";
import { titleOf } from "../view/plainView.ts";
import { plural } from "../view/text.ts";
import { formatAge } from "../view/time.ts";

export interface PruneFlags extends Pick<FilterFlags, "state" | "name"> {
  readonly olderThan?: string;
  readonly keep?: string;
  readonly folders?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** More jobs than any state folder has had. */
const JOBS_MAX = 1_000_000;

export async function prune(
  context: CommandContext,
  jobTexts: readonly string[],
  flags: PruneFlags,
): Promise<ExitCode> {
  const { terminal } = context;
  const nowMs = Date.now();
  const meant = await withReader(context, async (reader) => meantJobs(reader, jobTexts, flags, nowMs));
  const isDry = flags.dryRun === true;
  const pruned = new Set(
    isDry || meant.length === 0 ? [] : await ask(context, meant, flags.folders === true),
  );
  const jobs = isDry ? meant : meant.filter(({ job }) => pruned.has(job));
  if (flags.json === true) {
    await terminal.line(jsonDocument({ jobs: jobs.map(jsonSummary), dryRun: isDry }));
    return 0;
  }
  for (const job of jobs) {
    const age = formatAge(nowMs - (job.finishedAtMs ?? job.createdAtMs));
    await terminal.line(`${titleOf(job)}: ${job.state} ${age} ago`);
  }
  await terminal.line(`${plural(jobs.length, "job")} ${isDry ? "would be deleted" : "deleted"}`);
  return 0;
}

function meantJobs(
  reader: StateReader,
  jobTexts: readonly string[],
  flags: PruneFlags,
  nowMs: number,
): readonly JobView[] {
  const { olderThan, keep } = flags;
  if (jobTexts.length === 0 && olderThan === undefined && keep === undefined && !hasFilter(flags)) {
    throw new QrewError(
      "usage",
      "Say which jobs to delete: numbers, all, --older-than 30d, --keep 100, --state or --name (--dry-run only lists them).",
    );
  }
  const named = jobTexts.length > 0 ? findJobs(reader, jobTexts) : reader.jobs(JOBS_MAX).jobs;
  const filter = parseFilter(flags, nowMs);
  const beforeMs = olderThan === undefined ? nowMs : nowMs - ageOf(olderThan);
  const kept = keep === undefined ? 0 : parseInteger(keep, "--keep", 0, JOBS_MAX);
  return named
    .filter(({ state }) => isFinalJobState(state))
    .toSorted((a, b) => b.job - a.job)
    .slice(kept)
    .filter((job) => filter.matches(job) && (job.finishedAtMs ?? job.createdAtMs) <= beforeMs);
}

function ageOf(text: string): number {
  const age = readDuration(text, 0);
  if (age.ok && /[a-z]$/.test(text)) return age.amount;
  throw new QrewError("usage", `--older-than is a time like 12h or 30d, not "${text}".`);
}

async function ask(context: CommandContext, jobs: readonly JobView[], folders: boolean) {
  const link = new DaemonLink({ home: await context.home(), start: "ifAbsent", transient: true });
  try {
    const numbers = jobs.map(({ job }) => job);
    return await pruneJobs(await link.reach(), numbers, folders);
  } finally {
    link.close();
  }
}
