/** `qrew jobs`: the newest first, since that is what one asks for. */
import { isFinalJobState } from "../../../protocol/states.ts";
import type { JobView } from "../../client/jobView.ts";
import { MORE_JOBS_MAX, type StateReader } from "../../client/read.ts";
import { readSettings } from "../../client/settings.ts";
import { parseInteger } from "../arguments.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { type FilterFlags, hasFilter, type JobFilter, parseFilter } from "../jobFilters.ts";
import { findJobs } from "../jobReferences.ts";
import { jsonDocument, jsonJob } from "../json.ts";
import { withReader } from "../reading.ts";
import { jobTable } from "../view/jobTable.ts";
import { formatNumber } from "../view/text.ts";

export interface JobsFlags extends FilterFlags {
  readonly limit?: string;
  readonly json?: boolean;
  readonly ndjson?: boolean;
}

const LIMIT_MAX = 1_000_000;
const LIMIT_USUAL = 20;

interface Page {
  readonly jobs: readonly JobView[];
  /** Matching older ones that are left out; counted up to MORE_JOBS_MAX. */
  readonly more: number;
}

export function jobs(
  context: CommandContext,
  selectors: readonly string[],
  flags: JobsFlags,
): Promise<ExitCode> {
  const asked = flags.limit === undefined ? null : parseInteger(flags.limit, "--limit", 1, LIMIT_MAX);
  const filter = parseFilter(flags, Date.now());
  return withReader(context, async (reader) => {
    const limit =
      asked ?? Number(readSettings((await context.home()).folder).get("jobs.limit") ?? LIMIT_USUAL);
    const candidates = selectors.length === 0 ? reader.eachJob() : newestFirst(reader, selectors);
    const page = firstMatches(candidates, filter, limit);
    if (flags.ndjson === true) {
      for (const job of page.jobs) await context.terminal.line(JSON.stringify(jsonJob(job)));
    } else if (flags.json === true) {
      await context.terminal.line(jsonDocument({ jobs: page.jobs.map(jsonJob), more: page.more > 0 }));
    } else await printTable(context, reader, page, { limit, isFiltered: hasFilter(flags) });
    return 0;
  });
}

const newestFirst = (reader: StateReader, selectors: readonly string[]): readonly JobView[] =>
  [...findJobs(reader, selectors)].sort((a, b) => b.job - a.job);

function firstMatches(candidates: Iterable<JobView>, filter: JobFilter, limit: number): Page {
  const found: JobView[] = [];
  let more = 0;
  for (const job of candidates) {
    // Jobs are numbered as they are submitted: those before this one are older.
    if (filter.sinceMs !== null && job.createdAtMs < filter.sinceMs) break;
    if (!filter.matches(job)) continue;
    if (found.length < limit) found.push(job);
    else more += 1;
    if (more >= MORE_JOBS_MAX) break;
  }
  return { jobs: found, more };
}

async function printTable(
  { terminal }: CommandContext,
  reader: StateReader,
  page: Page,
  { limit, isFiltered }: { readonly limit: number; readonly isFiltered: boolean },
): Promise<void> {
  if (page.jobs.length === 0) {
    const isEmpty = reader.lastJob() === null;
    await terminal.line(
      isFiltered && !isEmpty
        ? "No job matches: see all with `qrew jobs`."
        : "There is no job yet: submit a workflow with `qrew run FILE`.",
    );
    return;
  }
  for (const line of jobTable(page.jobs, Date.now(), terminal.style)) await terminal.line(line);
  const isStanding = page.jobs.some(({ state }) => !isFinalJobState(state)) && reader.holder() === null;
  if (isStanding)
    terminal.note("no daemon runs: unfinished jobs go on with the next one (qrew daemon start)");
  if (page.more > 0) {
    const count = `${page.more === MORE_JOBS_MAX ? "at least " : ""}${formatNumber(page.more)}`;
    // A remark on the list and no part of it.
    terminal.note(`and ${count} older: qrew jobs --limit ${limit + page.more}`);
  }
}
