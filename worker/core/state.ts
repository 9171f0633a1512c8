/**
 * The state of a QWorker: its jobs, each an actor of its own, and its TaskExecutor.
 *
 * A job is `active` while a task can still change, `closing` while its last processes are confirmed dead (only after a
 * cancel), `finished` until the manager has it on disk and releases it.
 */
import type { AttemptEnded, AttemptStarted, ForkserverReport } from "../../protocol/executorLink.ts";
import type { JobState, PauseMode } from "../../protocol/fields.ts";
import type { JobSeq, SeatNumber } from "../../protocol/ids.ts";
import type { Resources } from "../../protocol/resources.ts";
import type { DemandClass } from "../../protocol/workerLink.ts";
import type { PlanGraph } from "../../src/workflow/plan.ts";
import type { Lease } from "../../src/lease.ts";
import type { LiveAttempts } from "./liveAttempts.ts";
import type { TaskQueue } from "./taskQueue.ts";
import type { TimerHeap } from "./timers.ts";
import type { TransientMap } from "../../src/transientMap.ts";

export interface WorkerState {
  readonly seat: SeatNumber;
  readonly node: string;
  /** Of the state folder; the marks of processes begin with it. */
  readonly instance: string;
  readonly pid: number;
  /** What the whole node has; demands are clipped to it. */
  capacity: Resources;
  readonly jobs: TransientMap<JobSeq, JobActor>;
  /** Assigned, and being read from the store. */
  readonly loading: TransientMap<JobSeq, LoadingJob>;
  executor: ExecutorState;
  /** Nothing new starts any more, unless another manager greets. */
  drain: DrainState | null;
  readonly timers: TimerHeap;
  readonly pool: CommonPool;
  /** Of the last cap that was sent: of all jobs, so that a job that comes back does not take an old answer for its own. */
  capSerial: number;
  /** A TaskExecutor that says nothing for so long is replaced. */
  readonly leaseMs: number;
  /** Losses by which a task fails. */
  readonly crashLimit: number;
  /** So many noops that end in one message are recorded together; fewer, each by itself. */
  readonly endsTogetherMin: number;
  /** A TaskExecutor leaves when it had no work for so long. */
  readonly executorIdleMs: number;
  /** The suspect that may run now. */
  trial: Trial | null;
  /** A death was blamed on the one on trial: what else was lost with it, and is told until then, is not blamed. */
  verdictUntilMs: number;
  /** QWorkers of this seat that died young in a row before this one; 0 once that was acted on. */
  workerCrashes: number;
  /** Until the first TaskExecutor has said what it has: what it lacks was lost by a reboot. */
  rebooted: boolean;
  /** TaskExecutors that died young in a row while attempts were live. */
  executorCrashes: number;
  /** SIGTERM to SIGKILL of tasks that are stopped. */
  readonly graceMs: number;
}

/** The task of `job` that is on trial (blame.ts). */
export interface Trial {
  readonly job: JobSeq;
  readonly task: number;
  /** When it has run for long enough; null until it runs. */
  endsMs: number | null;
}

/** What arrived for a job while it was being read. */
export interface LoadingJob {
  cancelRequested: boolean;
  /** Null: as on record. */
  pause: PauseMode | null;
  demand: readonly DemandClass[] | null;
  isPooled: boolean;
  loan: { readonly serial: number; readonly resources: Resources } | null;
}

export type ExecutorState =
  | { readonly type: "absent"; readonly notBeforeMs: number }
  | { readonly type: "starting"; readonly sinceMs: number }
  /** `opened`: jobs whose context it has. `idleSinceMs`: when it last had something to do. */
  | {
      readonly type: "ready";
      readonly pid: number;
      /** Of the hello that was welcomed last. */
      readonly greeting: number;
      readonly sinceMs: number;
      readonly opened: Set<JobSeq>;
      readonly forkserver: ForkserverReport | null;
      readonly lease: Lease;
      idleSinceMs: number | null;
    }
  /** Told to leave; nothing is sent any more until it has gone. */
  | { readonly type: "leaving"; readonly pid: number; readonly sinceMs: number };

export interface DrainState {
  readonly stop: boolean;
  readonly graceMs: number;
  told: boolean;
}

/** Tasks of one priority and one shape: they are interchangeable to the scheduler, in order of their readiness. */
export interface SlotGroup {
  readonly priority: number;
  readonly resources: Resources;
  readonly queue: TaskQueue;
  /** Attempts sent to the TaskExecutor and not ended. */
  placed: number;
}

/** An attempt between its dispatch and its end. */
export interface LiveAttempt {
  readonly task: number;
  readonly attempt: number;
  readonly group: SlotGroup;
  /** 0 while it follows another. */
  readySeq: number;
  /** Null until the TaskExecutor has said that it runs. */
  start: {
    readonly seq: number;
    readonly atMs: number;
    readonly monoMs: number;
    readonly pid: number | null;
  } | null;
  /** Of its time limit, on the monotonic clock; null without one, or while it waits. */
  deadlineMs: number | null;
  /** Why it was told to stop. */
  stop: "timeout" | "cancel" | "drain" | "recall" | "crash" | null;
  /** The task whose attempt it was sent to follow (followers.ts); null for most. */
  readonly after: number | null;
  /** While that attempt has not ended: this one holds no slot. What was told of it meanwhile counts when it has. */
  following: Following | null;
  /** The task whose attempt was sent last to follow this one. */
  follower: number | null;
}

export interface Following {
  started: AttemptStarted | null;
  ended: AttemptEnded | null;
}

/** The loan of a job and how far the forkserver has been told of it. */
export interface LoanState {
  serial: number;
  resources: Resources;
  /** What the manager was last told that the job holds, under which serial. */
  told: { readonly serial: number; readonly resources: Resources };
  /** The cap that was last sent, and the one that the forkserver has confirmed. */
  capSerial: number;
  capCpusMilli: number;
  capConfirmed: number;
  /** Since the confirmation no more than this runs: the cap, or what ran beyond it. */
  runsAtMostMilli: number;
}

/** What borrows slots of the node: a job for itself, or the common pool for all of its jobs. */
export interface Account {
  /** Of the job, or COMMON_POOL. */
  readonly id: JobSeq;
  readonly loan: LoanState;
  /** What the attempts hold together that were sent and have not ended. */
  placed: Resources;
  /** How many they are; those that follow another hold nothing, and do not count. */
  placedCount: number;
  runningCpusMilli: number;
  /** Average duration of its attempts; decides how many are sent ahead. Null before the first end. */
  averageMs: number | null;
  /** What the manager takes it for: told last, or its own guess; null if that is not known. */
  demandSent: readonly DemandClass[] | null;
}

/** Jobs of one ordinary task share a loan, a cap and a queue (pool.ts). */
export interface CommonPool {
  readonly account: Account;
  readonly pause: "off";
  /** The jobs that an earlier holder of the seat has left are read: before, what may run in the pool is not known. */
  isKnown: boolean;
}

export interface JobActor {
  readonly job: JobSeq;
  readonly round: number;
  planRound: number;
  attemptFloor: number;
  readonly priority: number;
  readonly graph: PlanGraph;
  readonly groups: readonly SlotGroup[];
  /** Index into `groups` of each class of the plan. */
  readonly groupOfClass: Uint32Array;
  phase: "active" | "closing" | "finished";
  /** An attempt was dispatched: there may be processes to look for at the end. */
  hasRun: boolean;
  /** The TaskExecutor was told to close the job. */
  closeSent: boolean;
  cancelRequested: boolean;
  /** The task that failed first, in a job that says failFast: what can be has been cancelled. */
  haltedBy: number | null;
  pause: PauseMode;
  /** What the TaskExecutor was last told; null: it may have heard anything. */
  suspendTold: boolean | null;
  suspendedMs: number;
  suspendedSinceMs: number | null;
  parked: boolean;
  /** Before then it is of no use to look whether the job only waits. */
  busyUntilMs: number;
  finalState: JobState | null;
  finishedAtMs: number | null;
  /** What is to be known of its end that no task says; else null. */
  detail: string | null;

  /** Codes of taskStates.ts, one per task. */
  readonly states: Uint8Array;
  readonly attempts: Uint32Array;
  /** Numbers of attempts that a TaskExecutor still knows although they were given back: not to be given again. */
  readonly takenNumbers: Map<number, number>;
  readonly failures: Uint16Array;
  /** Attempts lost through the death of what ran them. */
  readonly losses: Uint8Array;
  /** Tasks with so many losses are suspects. */
  readonly suspectFrom: number;
  /** Suspects that are ready and wait for their trial. */
  readonly suspects: number[];
  /** Dependencies that are not yet final. */
  readonly unfinished: Uint32Array;
  readonly readySeqs: Uint32Array;
  /** `OMEN_…` of settle.ts: how the dependencies ended that are final. */
  readonly omens: Uint8Array;
  /** Elements of each definition that are not yet final. */
  readonly remaining: Uint32Array;
  /** `OMEN_…` of settle.ts: how the elements of each definition ended that are final. */
  readonly definitionOmens: Uint8Array;
  /** Tasks per state code. */
  readonly counts: Uint32Array;
  seq: number;

  readonly live: LiveAttempts<LiveAttempt>;
  /** Its own, or that of the pool. */
  readonly account: Account;
  /** Attempts that were sent, or have taken the place of another, in this turn: some may be followed. */
  readonly heads: number[];

  /** The manager knows that it holds nothing since it has ended. */
  loanReturned: boolean;
  reportedSeq: number;
  reportAtMs: number;
  /** A timer for the next report runs. */
  reportPending: boolean;
  /** The job's own record must be written with the next transaction. */
  changed: boolean;
}
