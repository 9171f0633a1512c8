/** What the QManager's core is told, and what it wants done. */
import type {
  ClientReply,
  ClientRequest,
  DocumentFault,
  SubmissionOptions,
} from "../../protocol/clientLink.ts";
import type { JobSeq, SeatNumber } from "../../protocol/ids.ts";
import type { DemandClass, ManagerCommand, WorkerFact } from "../../protocol/workerLink.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import type { JobRecord } from "../../src/store/managerRecords.ts";

export interface Clock {
  readonly monoMs: number;
  readonly wallMs: number;
}

/** A client's address on the ROUTER socket, as text. */
export type ClientId = string;

/** A request that waits for its answer. */
export interface Asked {
  readonly client: ClientId;
  readonly request: number;
}

export type ManagerEvent =
  | { readonly type: "clientAsked"; readonly client: ClientId; readonly request: ClientRequest }
  /** A reply could not be delivered: nobody is there any more. */
  | { readonly type: "clientGone"; readonly client: ClientId }
  | { readonly type: "chunkStored"; readonly submission: number; readonly index: number }
  /** A piece could not be stored, or the document not be planned; `message` says what to do. */
  | {
      readonly type: "submissionFailed";
      readonly submission: number;
      readonly code: "storeFull" | "internal" | "refused";
      readonly message: string;
    }
  | {
      readonly type: "documentRejected";
      readonly submission: number;
      readonly faults: readonly DocumentFault[];
      readonly total: number;
    }
  | {
      readonly type: "documentPlanned";
      readonly submission: number;
      readonly name: string | null;
      readonly taskCount: number;
      /** What its first tasks ask for. */
      readonly demand: readonly DemandClass[];
      /** It may borrow with others (pools.ts), if its priority is an ordinary one as well. */
      readonly isOrdinarySingle: boolean;
    }
  /** `found` is the job that has the key. */
  | {
      readonly type: "keyLookedUp";
      readonly submission: number;
      readonly digest: string;
      readonly found: { readonly job: JobSeq; readonly tasks: number; readonly digest: string | null } | null;
    }
  /** The job is committed. */
  | { readonly type: "jobStored"; readonly submission: number; readonly record: JobRecord }
  /** Answers `markDeleted`: those of the jobs that have ended. */
  | {
      readonly type: "jobsMarked";
      readonly asked: Asked | null;
      readonly deletions: readonly { readonly job: JobSeq; readonly seat: SeatNumber | null }[];
    }
  /** Answers `listJobs`, the newest first; fewer than its limit are the last. */
  | { readonly type: "jobsListed"; readonly records: readonly JobRecord[] }
  /** Answers `findEndedJob`; null: there is none. */
  | {
      readonly type: "endedJobFound";
      readonly client: ClientId;
      readonly request: number;
      readonly job: JobSeq;
      readonly record: JobRecord | null;
    }
  /** The document of a further round is on disk; `record` is that of the round that has ended. */
  | {
      readonly type: "roundStored";
      readonly submission: number;
      readonly record: JobRecord;
      readonly source: string;
      readonly taskCount: number;
    }
  /** Answers `flushRound`. */
  | { readonly type: "roundFlushed"; readonly job: JobSeq; readonly round: number }
  | {
      readonly type: "workerStarted";
      readonly seat: SeatNumber;
      readonly epoch: number;
      readonly pid: number;
    }
  /** The connection was lost and is there again: what was under way may be lost. */
  | { readonly type: "workerReconnected"; readonly seat: SeatNumber; readonly epoch: number }
  | {
      readonly type: "workerLost";
      readonly seat: SeatNumber;
      readonly epoch: number;
      /** The seat's store cannot be read: a sentence for the user. Null for every other cause. */
      readonly damage: string | null;
    }
  | {
      readonly type: "workerTold";
      readonly seat: SeatNumber;
      readonly epoch: number;
      readonly fact: WorkerFact;
    }
  /** Its process uses a cpu, whatever it says. */
  | { readonly type: "workerBusy"; readonly seat: SeatNumber; readonly epoch: number }
  /** The operating system asked this process to end. */
  | { readonly type: "terminationAsked" }
  /** Only time has passed. */
  | { readonly type: "woken" };

export interface FlushedReply {
  readonly type: "replyFlushed";
  readonly client: ClientId;
  readonly reply: ClientReply;
  /** The client is told more soon: it may go along with that. */
  readonly mayWait: boolean;
}

/**
 * Effects of one step, in order. The shell first performs all `record…` in one transaction, then the rest: nothing is
 * told to anybody that is not committed.
 */
export type ManagerEffect =
  | { readonly type: "recordJob"; readonly record: JobRecord }
  | { readonly type: "reply"; readonly client: ClientId; readonly reply: ClientReply }
  /** Told only when everything committed so far is on disk. */
  | FlushedReply
  /** The job is not among the live ones: answer with what the store says of it, when it is on disk, or that there is no such job. */
  | {
      readonly type: "replyFromStore";
      readonly client: ClientId;
      readonly request: number;
      readonly job: JobSeq;
    }
  | {
      readonly type: "storeChunk";
      readonly submission: number;
      readonly index: number;
      readonly bytes: Uint8Array;
    }
  /** A document that came whole. */
  | { readonly type: "keepDocument"; readonly submission: number; readonly bytes: Uint8Array }
  /** Which job has this key, and what the document is to be recognised by; then `keyLookedUp`. */
  | {
      readonly type: "lookUpKey";
      readonly submission: number;
      readonly key: string;
      readonly options: SubmissionOptions;
    }
  | { readonly type: "planDocument"; readonly submission: number; readonly options: SubmissionOptions }
  /** Plan, environment and record in one transaction; then `jobStored`. */
  | {
      readonly type: "storeJob";
      readonly submission: number;
      readonly record: JobRecord;
      readonly options: SubmissionOptions;
      /** Committed with the record; null for a submission without key. */
      readonly key: { readonly key: string; readonly digest: string | null } | null;
    }
  /** Put down that the jobs are deleted, where they have ended; then `jobsMarked`. */
  | {
      readonly type: "markDeleted";
      /** Null: nobody did, the policy says so. */
      readonly asked: Asked | null;
      readonly jobs: readonly JobSeq[];
      readonly folders: boolean;
    }
  /** Read the records of jobs below `before` (null: of the newest); then `jobsListed`. */
  | { readonly type: "listJobs"; readonly before: JobSeq | null; readonly limit: number }
  /** Its tasks are deleted: the plan, the outputs and the rest follow. */
  | { readonly type: "finishDeletion"; readonly job: JobSeq }
  /** Read the record of a job that is not among the live ones; then `endedJobFound`. */
  | {
      readonly type: "findEndedJob";
      readonly client: ClientId;
      readonly request: number;
      readonly job: JobSeq;
    }
  /** The plan as that of the next round of a job that has ended, flushed; then `roundStored`. */
  | {
      readonly type: "storeRound";
      readonly submission: number;
      readonly job: JobSeq;
      readonly source: string;
      readonly taskCount: number;
    }
  /** Say `roundFlushed` when everything committed so far is on disk. */
  | { readonly type: "flushRound"; readonly job: JobSeq; readonly round: number }
  /** The pieces and the plan of the submission are of no use any more. */
  | { readonly type: "forgetSubmission"; readonly submission: number }
  /** `crashes`: QWorkers of the seat that died in a row soon after they were ready. */
  | { readonly type: "startWorker"; readonly seat: SeatNumber; readonly crashes: number }
  /** It lives since an earlier manager: connect to it. `workerStarted` or `workerLost` follows. */
  | { readonly type: "adoptWorker"; readonly seat: SeatNumber }
  | { readonly type: "tellWorker"; readonly seat: SeatNumber; readonly command: ManagerCommand }
  /** It did not leave in time. */
  | { readonly type: "killWorker"; readonly seat: SeatNumber }
  /** Take no new clients: this manager is about to go. */
  | { readonly type: "announceLeaving" }
  | { readonly type: "leave" };

export type RefusalCode = Extract<
  ErrorCode,
  "notFound" | "refused" | "storeFull" | "otherVersion" | "internal"
>;
