/** Who is told how jobs go on: each change at once, of many jobs or a new one after a while; the end when it is on disk. */
import type { ClientReply, JobSummary } from "../../protocol/clientLink.ts";
import type { JobSeq } from "../../protocol/ids.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import type { JobRecord } from "../../src/store/managerRecords.ts";
import type { ClientId } from "./events.ts";
import type { Follower, LiveJob } from "./state.ts";
import { reply, replyFlushed, type Turn, wakeAt } from "./turn.ts";

/** Whoever follows more jobs than a screen shows is told of their changes so often, and of their ends at once. */
const SHOWN_JOBS = 32;
const MANY_MS = 500;
/** A new job that is over sooner is told of by its end alone. */
const NEW_MS = 50;

export function onFollowJobs(turn: Turn, client: ClientId, request: number, jobs: readonly JobSeq[]): void {
  const live = new Set<JobSeq>();
  for (const id of jobs) {
    const job = turn.state.jobs.get(id);
    if (job === undefined) turn.effects.push({ type: "replyFromStore", client, request, job: id });
    else {
      live.add(id);
      reply(turn, client, jobChanged(request, job));
    }
  }
  if (live.size === 0) return;
  const tellAtMs = turn.clock.monoMs + intervalMs(live);
  turn.state.followers.set(client, { request, jobs: live, waiting: new Set(), tellAtMs });
}

/** From its submission on. */
export function followNew(turn: Turn, client: ClientId, request: number, job: JobSeq): void {
  const tellAtMs = turn.clock.monoMs + NEW_MS;
  turn.state.followers.set(client, { request, jobs: new Set([job]), waiting: new Set(), tellAtMs });
}

const intervalMs = (jobs: ReadonlySet<JobSeq>): number => (jobs.size > SHOWN_JOBS ? MANY_MS : 0);

/** Tells followers what has changed. */
export function tellFollowers(turn: Turn): void {
  const { changed, followers } = turn.state;
  for (const [client, follower] of followers) {
    for (const job of changed) if (follower.jobs.has(job.record.job)) tell(turn, client, follower, job);
    tellWaiting(turn, client, follower);
    if (follower.jobs.size === 0) followers.delete(client);
  }
  // Not cleared: as V8's tables are (src/transientMap.ts), the next would keep these jobs alive.
  if (changed.size > 0) turn.state.changed = new Set();
}

function tell(turn: Turn, client: ClientId, follower: Follower, job: LiveJob): void {
  const { request, jobs, waiting } = follower;
  if (isFinalJobState(job.record.state)) {
    jobs.delete(job.record.job);
    waiting.delete(job);
    const tellEnd = job.endIsDurable ? reply : replyFlushed;
    tellEnd(turn, client, jobChanged(request, job));
  } else waiting.add(job);
}

function tellWaiting(turn: Turn, client: ClientId, follower: Follower): void {
  const { request, jobs, waiting, tellAtMs } = follower;
  if (waiting.size === 0) return;
  if (turn.clock.monoMs < tellAtMs) return wakeAt(turn, tellAtMs);
  for (const job of waiting) reply(turn, client, jobChanged(request, job));
  follower.waiting = new Set();
  follower.tellAtMs = turn.clock.monoMs + intervalMs(jobs);
}

const jobChanged = (request: number, job: LiveJob): ClientReply => ({
  type: "jobChanged",
  request,
  summary: summaryOf(job.record),
  running: [...job.running],
});

export function summaryOf(record: JobRecord): JobSummary {
  const { job, name, state, createdAtMs, startedAtMs, finishedAtMs, tasks, detail } = record;
  return { job, name, state, createdAtMs, startedAtMs, finishedAtMs, tasks, detail };
}
