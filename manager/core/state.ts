/**
 * The state of the QManager: the queue, the seats, and who is waiting for an answer.
 *
 * Jobs that have ended live in the store only; here are those that are queued or running.
 */
import type { SubmissionOptions } from "../../protocol/clientLink.ts";
import type { ForkserverReport } from "../../protocol/executorLink.ts";
import type { JobState, PauseMode } from "../../protocol/fields.ts";
import type { JobSeq, SeatNumber } from "../../protocol/ids.ts";
import type { Resources } from "../../protocol/resources.ts";
import type { DemandClass, RunningTask } from "../../protocol/workerLink.ts";
import type { Lease } from "../../src/lease.ts";
import type { JobRecord } from "../../src/store/managerRecords.ts";
import type { ClientId } from "./events.ts";
import type { Borrower } from "./lending.ts";
import type { TransientMap } from "../../src/transientMap.ts";

export interface ManagerOptions {
  readonly epoch: number;
  readonly packageVersion: string;
  readonly instance: string;
  readonly pid: number;
  readonly startedAtMs: number;
  readonly capacity: Resources;
  /** One QWorker per cpu and gpu at most. */
  readonly workersMax: number;
  /** Leaves by itself after `idleMs` without work. */
  readonly transient: boolean;
  readonly idleMs: number;
  /** A QWorker that says nothing for so long is replaced. */
  readonly leaseMs: number;
  /** From SIGTERM to SIGKILL of tasks, when the daemon is stopped at once. */
  readonly graceMs: number;
  /** Null: only what somebody asks for is deleted. */
  readonly prune: PrunePolicy | null;
}

/** A job is deleted if it is meant by all of it. */
export interface PrunePolicy {
  /** So many of the jobs that have ended stay, the newest. */
  readonly keep: number;
  /** Only what ended so long ago. */
  readonly olderThanMs: number;
  /** Only what ended so. */
  readonly states: readonly JobState[];
  /** The folders of `--fresh-dir` go as well. */
  readonly folders: boolean;
}

export interface PruningClock {
  /** Of the next look; monotonic. The first is at the start. */
  nextAtMs: number;
  /** Jobs that have ended and were seen in the look under way; null: none is. */
  seen: number | null;
}

export interface ManagerState {
  readonly options: ManagerOptions;
  /** Live jobs by number, in the order of submission. */
  readonly jobs: TransientMap<JobSeq, LiveJob>;
  /** Jobs that wait for a place in a QWorker: highest priority first, then oldest first. */
  readonly queue: LiveJob[];
  /** Jobs that have one. */
  readonly admitted: TransientMap<JobSeq, LiveJob>;
  /** Jobs that need none: paused, or in a long backoff. */
  readonly parked: Map<JobSeq, LiveJob>;
  /** Ended jobs of which a further round is being opened. */
  readonly reopening: Set<JobSeq>;
  /** Jobs that are gone for everybody, and whose records are being deleted. */
  readonly deletions: Map<JobSeq, LiveDeletion>;
  /** Jobs of which followers have to be told at the end of the turn. */
  changed: Set<LiveJob>;
  nextJob: number;
  readonly seats: Map<SeatNumber, Seat>;
  /** Of each seat, what its jobs of one ordinary task borrow together. */
  readonly pools: Map<SeatNumber, Account>;
  /** QWorkers of a seat that died in a row soon after they were ready: something that runs there may kill them. */
  readonly crashes: Map<SeatNumber, number>;
  readonly submissions: TransientMap<number, Submission>;
  /** Keys under which a submission is on its way to become a job, each with those that wait for what comes of it, in their order. */
  readonly heldKeys: Map<string, number[]>;
  nextSubmission: number;
  readonly followers: Map<ClientId, Follower>;
  readonly statusQueries: Map<number, StatusQuery>;
  nextStatusQuery: number;
  readonly lending: LendingClock;
  readonly pruning: PruningClock;
  stopping: Stopping | null;
  /** Since when there is nothing to do; null while there is. */
  idleSinceMs: number | null;
  /** The next time at which the core wants to be woken. */
  wakeAtMs: number | null;
}

/** What the ledger knows of a job, or of a seat's pool. */
export interface Account {
  readonly borrower: Borrower;
  /** Its QWorker has not been told a loan since it became ready. */
  loanUntold: boolean;
}

/** A job of which its seat's QWorker deletes the tasks. */
export interface LiveDeletion {
  readonly job: JobSeq;
  /** Null: no seat has had it. */
  readonly seat: SeatNumber | null;
  /** Epoch of the QWorker that was told; null: none was. */
  toldEpoch: number | null;
}

export interface LiveJob extends Account {
  record: JobRecord;
  /** It borrows with the others in its seat's pool: as it was planned, or as its QWorker says. */
  isPooled: boolean;
  /** It has ended, and its seat's store has that on disk, whatever becomes of the manager's. */
  endIsDurable: boolean;
  /** The last report's sequence number; older ones are ignored. */
  reportSeq: number;
  running: readonly RunningTask[];
  /** A further round is told to its QWorker when it is on disk here. */
  isRoundFlushed: boolean;
  /** Told to its QWorker since that one's last hello. */
  assigned: boolean;
  cancelTold: boolean;
  pauseTold: PauseMode;
}

/**
 * A seat is `absent` while nobody holds it, `starting` until its QWorker has said that it is ready, `ready` while it serves,
 * `leaving` when told to go. One that an earlier manager has filled is `adopting` until its QWorker, which goes on meanwhile,
 * has said what it has.
 */
export type Seat =
  | {
      readonly type: "absent";
      readonly seat: SeatNumber;
      readonly notBeforeMs: number;
      readonly failures: number;
      /** Its last holder left with nothing running. Else attempts may run there that nobody watches. */
      readonly drained: boolean;
      /** Why the seat cannot be filled any more: its store is damaged. */
      readonly damage: string | null;
    }
  | {
      readonly type: "starting";
      readonly seat: SeatNumber;
      readonly sinceMs: number;
      readonly failures: number;
      readonly epoch: number;
      readonly pid: number | null;
    }
  | {
      readonly type: "adopting";
      readonly seat: SeatNumber;
      readonly epoch: number;
      readonly pid: number;
      /** Since when it is asked; null before. */
      readonly sinceMs: number | null;
      readonly failures: number;
    }
  | {
      readonly type: "ready";
      readonly seat: SeatNumber;
      readonly epoch: number;
      readonly pid: number;
      readonly sinceMs: number;
      /** Failures in a row before this one was ready; they count until it has lived for a while. */
      readonly failures: number;
      readonly lease: Lease;
      idleSinceMs: number | null;
      drained: boolean;
    }
  | {
      readonly type: "leaving";
      readonly seat: SeatNumber;
      readonly epoch: number;
      readonly pid: number;
      readonly sinceMs: number;
    };

/** A QWorker that an earlier manager has started, as its seat's record says. */
export interface KnownHolder {
  readonly seat: SeatNumber;
  readonly epoch: number;
  /** Null: it may have been started, and nobody has written down its pid. */
  readonly pid: number | null;
}

/**
 * A document on its way in. `open` takes pieces, `waiting` waits for an earlier one with the same key, `lookingUp` asks whether its
 * key has a job, `planning` is being planned, `storing` is being written.
 */
export interface Submission {
  readonly submission: number;
  readonly client: ClientId;
  readonly options: SubmissionOptions;
  /** Null: it is a job of its own whatever was submitted before. */
  readonly key: string | null;
  readonly isNewKey: boolean;
  /** The client is told how the job goes on. */
  readonly follow: boolean;
  phase: "open" | "waiting" | "lookingUp" | "planning" | "storing";
  /** What its first tasks ask for; empty until it is planned. */
  demand: readonly DemandClass[];
  /** It is planned, and is one for the common pool if its priority is. */
  isOrdinarySingle: boolean;
  /** Of the document and the options; null until it was looked up, and without key or with a new one. */
  digest: string | null;
  /** Pieces taken so far; the next must have this number. */
  chunks: number;
  sizeBytes: number;
  /** The request that waits for an answer: of the seal. */
  sealRequest: number;
  /** Requests of the pieces that are being stored, by index. */
  readonly pending: Map<number, number>;
  expiresAtMs: number;
}

export interface Follower {
  readonly request: number;
  readonly jobs: Set<JobSeq>;
  /** Of which it has to be told. Replaced, not cleared, as `changed` is. */
  waiting: Set<LiveJob>;
  tellAtMs: number;
}

/** A `daemonStatus` that collects the answers of the QWorkers. */
export interface StatusQuery {
  readonly client: ClientId;
  readonly request: number;
  readonly waitingFor: Set<SeatNumber>;
  readonly deadlineMs: number;
  readonly executors: {
    readonly seat: SeatNumber;
    readonly pid: number;
    readonly forkserver: ForkserverReport | null;
  }[];
  readonly refused: Record<string, number>;
}

export interface LendingClock {
  accountedAtMs: number;
  quantumEndsMs: number;
  /** The least usage of those that have wanted something, never less than it was: where newcomers start. */
  floor: number;
  /** Something that the division depends on has changed. */
  stale: boolean;
}

export interface Stopping {
  readonly now: boolean;
  /** Who asked, and wants to be told how it goes. */
  readonly listeners: Map<ClientId, number>;
  /** Since when nothing has come of it: it was asked, or an attempt has ended. */
  sinceMs: number;
  /** As it was last seen. */
  runningAttempts: number;
  toldAtMs: number;
  leftTold: boolean;
}
