/**
 * Further rounds of jobs that have ended: `retry` runs what did not succeed, with the same document or a corrected one. The job keeps
 * its number, its folder and its environment, and its seat, whose store has its tasks.
 */
import type { JobSeq } from "../../protocol/ids.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import type { JobRecord } from "../../src/store/managerRecords.ts";
import type { ClientId, ManagerEvent } from "./events.ts";
import { enqueue, isUnknownRefused } from "./queue.ts";
import { refuse, replyFlushed, type Turn, updateJob } from "./turn.ts";

type Told<Name extends ManagerEvent["type"]> = Extract<ManagerEvent, { type: Name }>;

export function onRetryJob(turn: Turn, client: ClientId, request: number, job: JobSeq): void {
  if (isUnknownRefused(turn, client, request, [job])) return;
  const why = whyNotNow(turn, job);
  if (why !== null) return refuse(turn, client, request, "refused", why);
  turn.state.reopening.add(job);
  turn.effects.push({ type: "findEndedJob", client, request, job });
}

/** Why no round of the job can be opened now; null if one can, as far as is known here. */
export function whyNotNow({ state }: Turn, job: JobSeq): string | null {
  if (state.stopping !== null) return "The daemon is stopping; retry in a moment.";
  if (state.reopening.has(job)) return `Job ${job} is being retried already: see \`qrew show ${job}\`.`;
  const live = state.jobs.get(job);
  if (live === undefined) return null;
  return `Job ${job} has not ended (it is ${live.record.state}): wait for it, or cancel it first.`;
}

export function onEndedJobFound(turn: Turn, told: Told<"endedJobFound">): void {
  const { client, request, job, record } = told;
  turn.state.reopening.delete(job);
  if (record === null || !isFinalJobState(record.state)) {
    const message = `There is no job ${job} any more; \`qrew jobs\` lists those that there are.`;
    return refuse(turn, client, request, "notFound", message);
  }
  const { tasks } = record;
  if (tasks.succeeded === tasks.total) {
    const message = `All tasks of job ${job} have succeeded: there is nothing to retry; with --file a corrected document is run.`;
    return refuse(turn, client, request, "refused", message);
  }
  openRound(turn, record, {});
  const reply = {
    type: "jobAccepted",
    request,
    job,
    tasks: tasks.total - tasks.succeeded,
    repeated: false,
  } as const;
  replyFlushed(turn, client, reply);
}

/** The corrected document is on disk. */
export function onRoundStored(turn: Turn, told: Told<"roundStored">): void {
  const { record, source, taskCount } = told;
  turn.state.reopening.delete(record.job);
  const nothing = Object.fromEntries(Object.keys(record.tasks).map((name) => [name, 0]));
  const tasks = { ...record.tasks, ...nothing, total: taskCount, waiting: taskCount };
  openRound(turn, record, { planRound: record.round + 1, source, tasks });
}

function openRound(turn: Turn, record: JobRecord, change: Partial<JobRecord>): void {
  const { total, succeeded } = record.tasks;
  const ended = { failed: 0, cancelled: 0, skipped: 0 };
  const job = enqueue(turn, {
    ...record,
    state: "queued",
    round: record.round + 1,
    startedAtMs: null,
    finishedAtMs: null,
    cancelRequested: false,
    pause: "off",
    parked: null,
    detail: null,
    tasks: { ...record.tasks, ...ended, waiting: total - succeeded },
    ...change,
  });
  updateJob(turn, job, {});
  // Its seat's store replaces the round before: not while a power cut could take this one back.
  job.isRoundFlushed = false;
  turn.effects.push({ type: "flushRound", job: job.record.job, round: job.record.round });
}

export function onRoundFlushed(turn: Turn, told: Told<"roundFlushed">): void {
  const job = turn.state.jobs.get(told.job);
  if (job?.record.round !== told.round) return;
  job.isRoundFlushed = true;
  // What it is lent goes with it.
  turn.state.lending.stale = true;
}
