/**
 * What the store of a seat holds. The holder of the seat is its only writer, and each transaction checks the epoch.
 *
 * | table | key | value |
 * |---|---|---|
 * | meta | `schema`, `epoch`, `holder`, `executor` | u32, u32, ProcessName, ProcessName (src/node/process) |
 * | jobs | job u32 | WorkerJobRecord, as an array (jobRows.ts) |
 * | tasks | job u32, task u32 | TaskRecord: the latest state; absent means waiting (or ready) and never dispatched |
 * | noopEnds | job u32, seq u32 | NoopEnds: tasks that ended together; counts before what `tasks` says of them |
 * | attempts | job u32, task u32, attempt u32 | TaskRecord of an earlier attempt, written when the next one begins |
 * | outputs | job u32, task u32, attempt u32, stream u8 (1 stdout, 2 stderr) | CapturedOutput (protocol/executorLink) |
 */
import type { Usage } from "../../protocol/executorLink.ts";
import type { JobState, PauseMode, TaskCounts } from "../../protocol/fields.ts";
import type { JobSeq, TaskIndex } from "../../protocol/ids.ts";

export interface WorkerJobRecord {
  readonly job: JobSeq;
  readonly round: number;
  /** The round whose plan numbers the tasks. */
  readonly planRound: number;
  /** The next attempts have higher numbers than this. */
  readonly attemptFloor: number;
  readonly priority: number;
  readonly state: JobState;
  readonly cancelRequested: boolean;
  readonly pause: PauseMode;
  /** It only waits, and the manager assigns it again in time: the next holder of the seat need not load it. */
  readonly parked: boolean;
  /** How long its running attempts have been suspended in all, before `suspendedSinceMs`. */
  readonly suspendedMs: number;
  readonly suspendedSinceMs: number | null;
  /** The last sequence number given to a ready, start or end of a task of this job. */
  readonly seq: number;
  readonly tasks: TaskCounts;
  readonly finishedAtMs: number | null;
  /** What is to be known of its end that no task says, in a sentence; else null. */
  readonly detail: string | null;
}

/** In the order in which a task may go through them. */
export const TASK_STATES = [
  "waiting",
  "ready",
  "running",
  "backoff",
  "succeeded",
  "failed",
  "cancelled",
  "skipped",
] as const;
export type TaskState = (typeof TASK_STATES)[number];

/** Why a task is in its state, where the state alone does not say it. */
export type TaskReason =
  /** failed: ended with an exit code other than 0. */
  | { readonly type: "exited"; readonly exitCode: number }
  /** failed: ended with exit code 0, without `count` of the outputs that it promised; the first are named. */
  | { readonly type: "outputsMissing"; readonly missing: readonly string[]; readonly count: number }
  /** failed: killed by the kernel for want of memory. */
  | { readonly type: "outOfMemory" }
  /** failed: ended by a signal that qrew did not send. */
  | { readonly type: "signalled"; readonly signal: string }
  /** failed: stopped at its time limit. */
  | { readonly type: "timedOut"; readonly timeoutMs: number }
  /** failed: never started. */
  | { readonly type: "notStarted"; readonly reason: string; readonly detail: string }
  /** skipped: a task that it depends on ended without success. */
  | { readonly type: "dependency"; readonly task: TaskIndex; readonly state: TaskState }
  /** ready or running: the attempt is being stopped, and its end will not be what the task wanted to say. */
  | { readonly type: "stopping"; readonly because: "timeout" | "drain" | "crash" }
  /** waiting: an attempt of it was sent, to start when that of the other task has succeeded. */
  | { readonly type: "follows"; readonly task: TaskIndex }
  /** ready again: what ran it died. */
  | { readonly type: "lost"; readonly detail: string }
  /** cancelled by the user. */
  | { readonly type: "cancelled" }
  /** cancelled: its workflow says failFast, and this task failed. */
  | { readonly type: "failFast"; readonly task: TaskIndex }
  /** skipped: its `when: failure` did not occur, or (`success`) that of something that it depends on. No failure. */
  | { readonly type: "notNeeded"; readonly when: "success" | "failure" };

export interface TaskRecord {
  readonly state: TaskState;
  /** The attempt that the rest is about; 0 where there was none. */
  readonly attempt: number;
  /** Attempts that ended by the task's own fault; decides about the next one. */
  readonly failures: number;
  /** Attempts whose loss, with what ran them, is blamed on the task; decides whether there is a next one. */
  readonly losses: number;
  readonly readySeq: number | null;
  readonly startedSeq: number | null;
  readonly finishedSeq: number | null;
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
  /** CLOCK_MONOTONIC of the node, from its forkserver. */
  readonly startedMonoMs: number | null;
  readonly endedMonoMs: number | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly usage: Usage | null;
  readonly node: string | null;
  readonly reason: TaskReason | null;
  /** backoff: when it is ready again. */
  readonly retryAtMs: number | null;
}

export const STREAM_STDOUT = 1;
export const STREAM_STDERR = 2;

export interface AttemptOutputKey {
  readonly job: JobSeq;
  readonly task: TaskIndex;
  readonly attempt: number;
  readonly stream: typeof STREAM_STDOUT | typeof STREAM_STDERR;
}

/** Of a task of which nothing has happened yet. */
export const NOTHING_RECORDED: Omit<TaskRecord, "state"> = {
  attempt: 0,
  failures: 0,
  readySeq: null,
  startedSeq: null,
  finishedSeq: null,
  startedAtMs: null,
  finishedAtMs: null,
  startedMonoMs: null,
  endedMonoMs: null,
  exitCode: null,
  signal: null,
  usage: null,
  node: null,
  reason: null,
  retryAtMs: null,
  losses: 0,
};

/** Noops that ended together (noopEnds.ts): all of them began and succeeded at one moment on one node. The columns are of one length; `tasks` ascend. */
export interface NoopEnds {
  readonly node: string;
  readonly atMs: number;
  readonly monoMs: number;
  readonly tasks: Uint32Array;
  readonly attempts: Uint32Array;
  readonly readySeqs: Uint32Array;
  readonly finishedSeqs: Uint32Array;
}

/** The record of one of them, as the table `tasks` has that of others. */
export function noopRecord(ends: NoopEnds, index: number): TaskRecord {
  const { node, atMs, monoMs } = ends;
  const finishedSeq = ends.finishedSeqs[index] ?? 0;
  // Written out: a spread takes ten times as long, and a million of them are read after a crash.
  return {
    state: "succeeded",
    attempt: ends.attempts[index] ?? 0,
    failures: 0,
    losses: 0,
    readySeq: ends.readySeqs[index] ?? 0,
    startedSeq: finishedSeq - 1,
    finishedSeq,
    startedAtMs: atMs,
    finishedAtMs: atMs,
    startedMonoMs: monoMs,
    endedMonoMs: monoMs,
    exitCode: 0,
    signal: null,
    usage: null,
    node,
    reason: null,
    retryAtMs: null,
  };
}
