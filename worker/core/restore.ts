/** A job as its records say it was when the last holder of the seat stopped writing. */
import type { JobSeq } from "../../protocol/ids.ts";
import type { TaskRecord, WorkerJobRecord } from "../../src/store/workerRecords.ts";
import type { PlanGraph } from "../../src/workflow/plan.ts";
import {
  createJob,
  groupOf,
  makeReady,
  place,
  setState,
  settleFailure,
  settleSuccess,
  stateOf,
} from "./job.ts";
import type { JobActor } from "./state.ts";
import { BACKOFF, isFinal, READY, RUNNING, SKIPPED, stateCode, SUCCEEDED, WAITING } from "./taskStates.ts";

export interface RestoredRetry {
  readonly task: number;
  readonly attempt: number;
  readonly atWallMs: number;
}

/**
 * Attempts that were dispatched and have no end on record come back as live ones without certainty: the TaskExecutor's next
 * `hello` says which of them it has, and the others are lost. Repetitions that were waiting are returned.
 */
export function restoreJob(
  job: JobSeq,
  round: number,
  priority: number,
  graph: PlanGraph,
  progress: WorkerJobRecord,
  records: Iterable<readonly [task: number, record: TaskRecord]>,
): { actor: JobActor; retries: RestoredRetry[] } {
  const actor = createJob(job, round, priority, graph);
  actor.seq = progress.seq;
  actor.cancelRequested = progress.cancelRequested;
  const retries: RestoredRetry[] = [];
  const ended: number[] = [];
  for (const [task, record] of records) {
    actor.attempts[task] = record.attempt;
    actor.hasRun ||= record.attempt > 0;
    actor.failures[task] = record.failures;
    actor.readySeqs[task] = record.readySeq ?? 0;
    const code = stateCode(record.state);
    setState(actor, task, code);
    if (isFinal(code)) ended.push(task);
    else if (code === BACKOFF) {
      retries.push({ task, attempt: record.attempt, atWallMs: record.retryAtMs ?? 0 });
    } else if (record.reason === null && (code === READY || code === RUNNING)) {
      restoreLive(actor, task, record);
    }
  }
  // A task that a dependency made ready, or skipped, has no record of its own until it is dispatched.
  for (const task of ended) {
    if (stateOf(actor, task) === SUCCEEDED) settleSuccess(actor, task, () => undefined);
  }
  for (const task of ended) {
    const code = stateOf(actor, task);
    if (code !== SUCCEEDED && code !== SKIPPED) settleFailure(actor, task, () => undefined);
  }
  requeue(actor);
  return { actor, retries };
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
  actor.live.set(task, {
    task,
    attempt: record.attempt,
    group,
    readySeq: record.readySeq ?? 0,
    start,
    stop: null,
  });
  place(actor, group);
  if (start !== null) actor.runningCpusMilli += group.resources.cpusMilli;
}

function requeue(actor: JobActor): void {
  for (let task = 0; task < actor.graph.taskCount; task++) {
    const code = stateOf(actor, task);
    const isReady = code === READY && !actor.live.has(task);
    if (isReady || (code === WAITING && actor.unfinished[task] === 0)) makeReady(actor, task);
  }
}
