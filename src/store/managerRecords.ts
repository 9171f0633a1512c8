/**
 * What the manager's store holds. The manager is its only writer; QWorkers read plans and job environments, programs
 * read the queue.
 *
 * | table | key | value |
 * |---|---|---|
 * | meta | `schema`, `instance`, `holder`, `nextJob`, `claimsRead` | u32, uuid, HolderRecord, u32, boot id (claims.ts) |
 * | jobs | job u32 | JobRecord, as an array (jobRows.ts) |
 * | environments | job u32 | JobEnvironment (protocol/workerLink) |
 * | plans | job u32, chunk u32 | bytes of the encoded plan, cut into chunks |
 * | submissionKeys | key of a submission | SubmissionKeyRecord |
 * | keysOfJobs | job u32 | its key |
 * | laterPlans | job u32, round u32, chunk u32 | the same, of documents that came with a later round |
 * | deletions | job u32 | of jobs that are being deleted: deletions.ts |
 * | seats | seat u32 | SeatRecord |
 */
import type { ProcessName } from "../node/process.ts";
import type { JobState, PauseMode, TaskCounts } from "../../protocol/fields.ts";
import type { JobSeq, SeatNumber } from "../../protocol/ids.ts";

/** A job in the queue. Its final state is the QWorker's; what stands here is derived from it. */
export interface JobRecord {
  readonly job: JobSeq;
  readonly name: string;
  readonly state: JobState;
  readonly round: number;
  /** The round that brought the document which counts now: 1, or that of a `retry` with a corrected one. */
  readonly planRound: number;
  readonly priority: number;
  /** The folder in which its tasks run. */
  readonly directory: string;
  /** Where the document came from, for people. */
  readonly source: string;
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
  /** The seat that runs it, or ran it: its store has the tasks. Null while queued for the first time. */
  readonly seat: SeatNumber | null;
  readonly cancelRequested: boolean;
  /** Not `off` while the state is `paused`. */
  readonly pause: PauseMode;
  /** No QWorker has it in hand, since it only waits: until then, or (null) until somebody resumes it. */
  readonly parked: { readonly untilMs: number | null } | null;
  readonly tasks: TaskCounts;
  /** What no task says of its end (a damaged plan, processes that hang), in a sentence; else null. */
  readonly detail: string | null;
}

/** The process that holds a seat; pid 0 where it was about to be started. `epoch` grows with every new holder. */
export interface SeatRecord extends ProcessName {
  readonly seat: SeatNumber;
  readonly epoch: number;
}

/** The manager that holds this state folder: the lock that comes before every bind. */
export interface HolderRecord extends ProcessName {
  readonly epoch: number;
  readonly packageVersion: string;
  readonly startedAtMs: number;
  /** It serves nobody any more and is about to go: a successor waits for it. */
  readonly leaving: boolean;
}
