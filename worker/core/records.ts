/** What is written down of a task at each change of its state. */
import type { AttemptEnded, AttemptOutcome } from "../../protocol/executorLink.ts";
import { taskIndex } from "../../protocol/ids.ts";
import type { TaskReason, TaskRecord } from "../../src/store/workerRecords.ts";
import { stateOf } from "./job.ts";
import type { JobActor, LiveAttempt } from "./state.ts";
import { stateName, taskCounts } from "./taskStates.ts";
import type { Turn } from "./turn.ts";

/** What a record says beside the state and the counters of the task. */
export interface RecordParts {
  readonly live?: LiveAttempt;
  readonly ended?: AttemptEnded;
  readonly finishedSeq?: number;
  readonly finishedAtMs?: number;
  readonly reason?: TaskReason;
  readonly retryAtMs?: number;
}

export function recordTask(turn: Turn, job: JobActor, task: number, parts: RecordParts): void {
  turn.effects.push({
    type: "recordTask",
    job: job.job,
    task: taskIndex(task),
    record: taskRecord(turn, job, task, parts),
  });
}

function taskRecord(turn: Turn, job: JobActor, task: number, parts: RecordParts): TaskRecord {
  const { live, ended } = parts;
  const outcome = ended?.outcome;
  const readySeq = job.readySeqs[task] ?? 0;
  return {
    state: stateName(stateOf(job, task)),
    attempt: job.attempts[task] ?? 0,
    failures: job.failures[task] ?? 0,
    losses: job.losses[task] ?? 0,
    readySeq: readySeq === 0 ? null : readySeq,
    startedSeq: live?.start?.seq ?? null,
    finishedSeq: parts.finishedSeq ?? null,
    startedAtMs: live?.start?.atMs ?? null,
    finishedAtMs: parts.finishedAtMs ?? null,
    startedMonoMs: live?.start?.monoMs ?? null,
    endedMonoMs: ended?.endedMonoMs ?? null,
    exitCode: exitCodeOf(outcome),
    signal: signalOf(outcome),
    usage: ended?.usage ?? null,
    node: live === undefined ? null : turn.state.node,
    reason: parts.reason ?? (live === undefined || ended !== undefined ? null : whyStopping(live)),
    retryAtMs: parts.retryAtMs ?? null,
  };
}

function exitCodeOf(outcome: AttemptOutcome | undefined): number | null {
  if (outcome?.type === "exited" || outcome?.type === "stopped") return outcome.exitCode;
  return outcome?.type === "outputsMissing" ? 0 : null;
}

/** On record before the stop is sent: a successor must not take what it brings about for the task's own end. */
const whyStopping = ({ stop }: LiveAttempt): TaskReason | null =>
  stop === "timeout" || stop === "drain" || stop === "crash" ? { type: "stopping", because: stop } : null;

function signalOf(outcome: AttemptOutcome | undefined): string | null {
  if (outcome?.type === "outOfMemory") return "SIGKILL";
  return outcome?.type === "signalled" ? outcome.signal : null;
}

/** The job's own record, if something of it has changed since the last one. */
export function recordJobIfChanged(turn: Turn, job: JobActor): void {
  if (!job.changed) return;
  job.changed = false;
  turn.effects.push({
    type: "recordJob",
    record: {
      job: job.job,
      round: job.round,
      planRound: job.planRound,
      attemptFloor: job.attemptFloor,
      priority: job.priority,
      state: job.finalState ?? "running",
      cancelRequested: job.cancelRequested,
      pause: job.pause,
      parked: job.parked,
      suspendedMs: job.suspendedMs,
      suspendedSinceMs: job.suspendedSinceMs,
      seq: job.seq,
      tasks: taskCounts(job.counts),
      finishedAtMs: job.finishedAtMs,
      detail: job.detail,
    },
  });
}
