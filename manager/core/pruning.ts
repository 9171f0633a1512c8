/**
 * The policy of the configuration by which jobs that have ended are deleted, as `qrew prune` deletes them: when the manager starts,
 * and every so often. Ended jobs live in the store only, so the core walks them page by page, the newest first.
 */
import type { JobSeq } from "../../protocol/ids.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import type { JobRecord } from "../../src/store/managerRecords.ts";
import type { ManagerEvent } from "./events.ts";
import type { PrunePolicy } from "./state.ts";
import { type Turn, wakeAt } from "./turn.ts";

/** Deletion is no matter of minutes, and a look reads the records of all jobs. */
const INTERVAL_MS = 3_600_000;
/** Records that one turn looks at: a few milliseconds. */
const PAGE_JOBS = 1000;

export function tendPruning(turn: Turn): void {
  const { options, pruning, stopping } = turn.state;
  if (options.prune === null || stopping !== null || pruning.seen !== null) return;
  if (turn.clock.monoMs < pruning.nextAtMs) return wakeAt(turn, pruning.nextAtMs);
  pruning.seen = 0;
  pruning.nextAtMs = turn.clock.monoMs + INTERVAL_MS;
  turn.effects.push({ type: "listJobs", before: null, limit: PAGE_JOBS });
}

export function onJobsListed(turn: Turn, { records }: Extract<ManagerEvent, { type: "jobsListed" }>): void {
  const { options, pruning, stopping, reopening } = turn.state;
  const { prune } = options;
  if (prune === null || pruning.seen === null) return;
  const last = records.at(-1);
  const jobs: JobSeq[] = [];
  for (const record of records) {
    if (!isFinalJobState(record.state)) continue;
    pruning.seen += 1;
    if (pruning.seen > prune.keep && isMeant(prune, record, turn.clock.wallMs) && !reopening.has(record.job))
      jobs.push(record.job);
  }
  if (jobs.length > 0) turn.effects.push({ type: "markDeleted", asked: null, jobs, folders: prune.folders });
  if (last !== undefined && records.length === PAGE_JOBS && stopping === null)
    turn.effects.push({ type: "listJobs", before: last.job, limit: PAGE_JOBS });
  else pruning.seen = null;
}

function isMeant({ olderThanMs, states }: PrunePolicy, record: JobRecord, wallMs: number): boolean {
  const endedAtMs = record.finishedAtMs ?? record.createdAtMs;
  return states.includes(record.state) && endedAtMs <= wallMs - olderThanMs;
}
