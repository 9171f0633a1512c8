/** A job as its records say it was when the last holder of the seat stopped writing. */
import type { JobSeq } from "../../protocol/ids.ts";
import type { NoopEnds, TaskRecord, WorkerJobRecord } from "../../src/store/workerRecords.ts";
import type { PlanGraph } from "../../src/workflow/plan.ts";
import { takePlace } from "./followers.ts";
import { createJob, groupOf, liveAttempt, makeReady, place, setState, stateOf } from "./job.ts";
import { countEnd, OMEN_FAILURE, OMEN_NONE, OMEN_UNNEEDED } from "./settle.ts";
import type { Account, JobActor } from "./state.ts";
import { BACKOFF, isFinal, READY, RUNNING, stateCode, SUCCEEDED, WAITING } from "./taskStates.ts";

export interface RestoredRetry {
  readonly task: number;
  readonly attempt: number;
  readonly atWallMs: number;
}

/** A task without a record that is to be skipped, by what is on record of others. */
export interface RestoredSkip {
  readonly omen: number;
  readonly because: number;
}

/** Of one task, or of noops that ended together: those come first, and count. */
export type RestoredRecord = readonly [task: number, record: TaskRecord] | NoopEnds;

/**
 * Attempts that were dispatched and have no end on record come back as live ones without certainty: the TaskExecutor's next
 * `hello` says which of them it has, and the others are lost. Repetitions that were waiting are returned.
 */
export function restoreJob(
  job: JobSeq,
  round: number,
  priority: number,
  graph: PlanGraph,
  suspectFrom: number,
  progress: WorkerJobRecord,
  records: Iterable<RestoredRecord>,
  account: Account | null = null,
): { actor: JobActor; retries: RestoredRetry[]; skips: Map<number, RestoredSkip> } {
  const actor = createJob(job, round, priority, graph, suspectFrom, account);
  actor.seq = progress.seq;
  actor.attemptFloor = progress.attemptFloor;
  actor.cancelRequested = progress.cancelRequested;
  actor.pause = progress.pause;
  actor.suspendedMs = progress.suspendedMs;
  actor.suspendedSinceMs = progress.suspendedSinceMs;
  // A forkserver that lives may have it suspended.
  if (actor.suspendedMs > 0 || actor.suspendedSinceMs !== null) actor.suspendTold = null;
  const retries: RestoredRetry[] = [];
  /** Task and omen in turns: in a large job most tasks. */
  const ended: number[] = [];
  for (const restored of records) {
    if ("tasks" in restored) {
      restoreNoops(actor, restored, ended);
      continue;
    }
    const [task, record] = restored;
    if (isFinal(stateOf(actor, task))) continue;
    actor.attempts[task] = record.attempt;
    actor.hasRun ||= record.attempt > 0;
    actor.failures[task] = record.failures;
    actor.losses[task] = record.losses;
    actor.readySeqs[task] = record.readySeq ?? 0;
    const code = stateCode(record.state);
    setState(actor, task, code);
    if (isFinal(code)) ended.push(task, omenOf(record));
    else if (code === BACKOFF) {
      retries.push({ task, attempt: record.attempt, atWallMs: record.retryAtMs ?? 0 });
    } else if (isUnderWay(record)) {
      restoreLive(actor, task, record);
    }
  }
  // A task that a dependency made ready has no record of its own until it is dispatched.
  const skips = new Map<number, RestoredSkip>();
  const decided = (dependent: number, verdict: RestoredSkip["omen"] | null, because: number): void => {
    if (verdict !== null) skips.set(dependent, { omen: verdict, because });
  };
  for (let index = 0; index < ended.length; index += 2) {
    countEnd(actor, ended[index] ?? 0, ended[index + 1] ?? OMEN_NONE, decided);
  }
  requeue(actor, skips);
  releaseFollowers(actor);
  return { actor, retries, skips };
}

/** Noops that ended together. One that comes twice, or has a record of its own from before, has ended once. */
function restoreNoops(actor: JobActor, { tasks, attempts, readySeqs }: NoopEnds, ended: number[]): void {
  for (let index = 0; index < tasks.length; index += 1) {
    const task = tasks[index] ?? 0;
    if (isFinal(stateOf(actor, task))) continue;
    actor.attempts[task] = attempts[index] ?? 0;
    actor.readySeqs[task] = readySeqs[index] ?? 0;
    setState(actor, task, SUCCEEDED);
    ended.push(task, OMEN_NONE);
  }
  actor.hasRun ||= tasks.length > 0;
}

/** Dispatched, and no end of it on record. */
const isUnderWay = ({ state, reason }: TaskRecord): boolean =>
  reason?.type === "follows" ||
  ((state === "ready" || state === "running") && (reason === null || reason.type === "stopping"));

function omenOf({ state, reason }: TaskRecord): number {
  if (state === "succeeded") return OMEN_NONE;
  return reason?.type === "notNeeded" ? OMEN_UNNEEDED : OMEN_FAILURE;
}

function restoreLive(actor: JobActor, task: number, record: TaskRecord): void {
  const group = groupOf(actor, task);
  const running = stateOf(actor, task) === RUNNING;
  const start =
    running && record.startedSeq !== null
      ? {
          seq: record.startedSeq,
          atMs: record.startedAtMs ?? 0,
          monoMs: record.startedMonoMs ?? 0,
          pid: null,
        }
      : null;
  const after = record.reason?.type === "follows" ? record.reason.task : null;
  const live = liveAttempt(actor, task, record.attempt, group, after);
  live.start = start;
  live.stop = record.reason?.type === "stopping" ? record.reason.because : null;
  actor.live.set(task, live);
  if (after === null) place(actor, group);
  if (start !== null) actor.account.runningCpusMilli += group.resources.cpusMilli;
}

/** Those whose leader is under way still follow it; of the others the leader's end is on record, or it is to be repeated. */
function releaseFollowers(actor: JobActor): void {
  for (const live of actor.live.notable()) {
    if (live.after === null) continue;
    const leader = actor.live.get(live.after);
    if (leader === undefined) takePlace(actor, live);
    else leader.follower = live.task;
  }
}

function requeue(actor: JobActor, skips: ReadonlyMap<number, RestoredSkip>): void {
  for (let task = 0; task < actor.graph.taskCount; task++) {
    const code = stateOf(actor, task);
    const isReady = code === READY && !actor.live.has(task);
    const isReleased = code === WAITING && actor.unfinished[task] === 0 && !skips.has(task);
    if (isReady || isReleased) makeReady(actor, task);
  }
}
