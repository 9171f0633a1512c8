/** What the QWorker's core is told, and what it wants done. */
import type {
  AttemptEnded,
  AttemptStarted,
  CapturedOutput,
  ExecutorCommand,
  ForkserverReport,
} from "../../protocol/executorLink.ts";
import type { PauseMode } from "../../protocol/fields.ts";
import type { AttemptId, JobSeq, TaskIndex } from "../../protocol/ids.ts";
import type { Resources } from "../../protocol/resources.ts";
import type { DemandClass, JobReport, WorkerFact } from "../../protocol/workerLink.ts";
import type { NoopEnds, TaskRecord, WorkerJobRecord } from "../../src/store/workerRecords.ts";
import type { PlanGraph } from "../../src/workflow/plan.ts";
import type { RestoredRecord } from "./restore.ts";

/** Both clocks at the moment of a batch: the monotonic one decides, the wall clock is written down for people. */
export interface Clock {
  readonly monoMs: number;
  readonly wallMs: number;
}

export type WorkerEvent =
  | { readonly type: "managerSaidHello"; readonly capacity: Resources }
  | {
      readonly type: "jobAssigned";
      readonly job: JobSeq;
      readonly round: number;
      readonly priority: number;
      /** Null: as on record. */
      readonly pause: PauseMode | null;
      /** What the manager takes it to ask for; null: it has not said. */
      readonly demand: readonly DemandClass[] | null;
      /** The manager takes it to be one of the common pool. */
      readonly isPooled: boolean;
    }
  /** What `loadJob` asked for. `records` are of the tasks that have one: first noops that ended together. */
  | {
      readonly type: "jobLoaded";
      readonly job: JobSeq;
      readonly round: number;
      /** The round whose plan this is. */
      readonly planRound: number;
      readonly priority: number;
      readonly graph: PlanGraph;
      readonly progress: WorkerJobRecord | null;
      readonly records: Iterable<RestoredRecord>;
    }
  | { readonly type: "jobLoadFailed"; readonly job: JobSeq; readonly detail: string }
  | { readonly type: "loanSet"; readonly job: JobSeq; readonly serial: number; readonly resources: Resources }
  | { readonly type: "cancelRequested"; readonly job: JobSeq }
  | { readonly type: "pauseSet"; readonly job: JobSeq; readonly pause: PauseMode }
  | { readonly type: "jobReleased"; readonly job: JobSeq }
  | { readonly type: "drainRequested"; readonly stop: boolean; readonly graceMs: number }
  | {
      readonly type: "statusRequested";
      readonly request: number;
      /** Frames that the shell has refused, by fault. */
      readonly refused: Readonly<Record<string, number>>;
    }
  | {
      readonly type: "executorSaidHello";
      readonly pid: number;
      /** Grows with every hello of the same process. */
      readonly greeting: number;
      readonly live: readonly {
        readonly job: JobSeq;
        readonly task: TaskIndex;
        readonly attempt: number;
        readonly started: AttemptStarted | null;
      }[];
      /** Their ends follow. */
      readonly ended: readonly AttemptId[];
    }
  | { readonly type: "attemptsStarted"; readonly attempts: readonly AttemptStarted[] }
  | { readonly type: "attemptsEnded"; readonly attempts: readonly AttemptEnded[] }
  /** `attempts`: task and attempt in turns. */
  | {
      readonly type: "noopsEnded";
      readonly job: JobSeq;
      readonly attempts: readonly number[];
      readonly atMs: number;
      readonly monoMs: number;
    }
  | {
      readonly type: "capSet";
      readonly job: JobSeq;
      readonly serial: number;
      readonly runningCpusMilli: number;
    }
  | { readonly type: "jobClosed"; readonly job: JobSeq; readonly survivors: number }
  | { readonly type: "executorReported"; readonly pid: number; readonly forkserver: ForkserverReport | null }
  | { readonly type: "executorAlive" }
  /** The process of the TaskExecutor has ended, or could not be started. `killed`: by a signal, as far as is known. */
  | { readonly type: "executorLost"; readonly killed: boolean }
  /** Only time has passed. */
  | { readonly type: "woken" };

/**
 * Effects of one step, in order. The shell first performs all `record…` in one transaction, then the rest: nothing is
 * told to anybody that is not committed.
 */
export type WorkerEffect =
  | {
      readonly type: "recordTask";
      readonly job: JobSeq;
      readonly task: TaskIndex;
      readonly record: TaskRecord;
    }
  | { readonly type: "recordNoopEnds"; readonly job: JobSeq; readonly ends: NoopEnds }
  /** The task's record becomes that of an earlier attempt: keep a copy under its attempt number. */
  | { readonly type: "archiveAttempt"; readonly job: JobSeq; readonly task: TaskIndex }
  | {
      readonly type: "recordOutputs";
      readonly job: JobSeq;
      readonly task: TaskIndex;
      readonly attempt: number;
      readonly stdout: CapturedOutput | null;
      readonly stderr: CapturedOutput | null;
    }
  | { readonly type: "recordJob"; readonly record: WorkerJobRecord }
  | { readonly type: "loadJob"; readonly job: JobSeq; readonly round: number; readonly priority: number }
  | { readonly type: "forgetJob"; readonly job: JobSeq }
  | { readonly type: "openJob"; readonly job: JobSeq }
  /** `after`: it starts when that attempt has succeeded, in its place. */
  | {
      readonly type: "runAttempt";
      readonly job: JobSeq;
      readonly task: TaskIndex;
      readonly attempt: number;
      readonly after: { readonly task: TaskIndex; readonly attempt: number } | null;
      /** It waits and runs in the common pool. */
      readonly isPooled: boolean;
    }
  /** `attempts`: task and attempt in turns. */
  | { readonly type: "runNoops"; readonly job: JobSeq; readonly attempts: number[] }
  /** `isForLater`: nobody waits for it. */
  | { readonly type: "tellExecutor"; readonly command: ExecutorCommand; readonly isForLater?: boolean }
  | { readonly type: "startExecutor" }
  /** It does not say hello; `executorLost` follows when it is dead. */
  | { readonly type: "killExecutor" }
  | { readonly type: "tellManager"; readonly fact: WorkerFact; readonly isForLater?: boolean }
  /** The shell adds the names, which only it has. */
  | {
      readonly type: "reportProgress";
      readonly report: JobStanding;
      readonly running: readonly RunningAttempt[];
    }
  /** Told only when everything committed so far is on disk. */
  | {
      readonly type: "reportFinished";
      readonly report: JobStanding;
      readonly finishedAtMs: number;
      readonly detail: string | null;
    };

/** A job report without the sample of running tasks. */
export type JobStanding = Omit<JobReport, "running">;

export interface RunningAttempt {
  readonly task: TaskIndex;
  readonly attempt: number;
  readonly startedAtMs: number;
}
