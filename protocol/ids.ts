/**
 * Identifiers that travel. Branded, so that a task index is never taken for a job number.
 *
 * A job has a sequence number within its state folder, for people; outside the folder (in the environment of tasks)
 * it is `instanceUuid/seq`, so that two daemons never mistake each other's processes. A task is its u32 index in the
 * job's plan; an attempt is counted from 1.
 */
declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

export type JobSeq = Branded<number, "JobSeq">;
export type TaskIndex = Branded<number, "TaskIndex">;
export type SeatNumber = Branded<number, "SeatNumber">;

export const jobSeq = (value: number): JobSeq => value as JobSeq;
export const taskIndex = (value: number): TaskIndex => value as TaskIndex;
export const seatNumber = (value: number): SeatNumber => value as SeatNumber;

/**
 * Takes the place of a job's number where a loan, a cap or a queue is meant that jobs of one ordinary task share: the common
 * pool of a seat (protocol/worker.md). No job has it.
 */
export const COMMON_POOL = jobSeq(0);

/** One execution of one task. The name under which an executor starts it, so that a second start finds the first. */
export interface AttemptId {
  readonly job: JobSeq;
  readonly task: TaskIndex;
  /** From 1; a repetition is a new attempt, an adoption is not. */
  readonly attempt: number;
}

/** The attempt as a map key and in logs: `job/task/attempt`. */
export const attemptKey = (id: AttemptId): string => `${id.job}/${id.task}/${id.attempt}`;

/** The job as tasks and other daemons see it: `instanceUuid/seq`. */
export const globalJobId = (instance: string, job: JobSeq): string => `${instance}/${job}`;

/**
 * The environment variable that marks every process of an attempt; descendants inherit it, and that is how those
 * that left their process group are found again. Its value is `instanceUuid/seat/job/task/attempt`: a prefix names all
 * that a seat, or a job, has started.
 */
export const MARK_VARIABLE = "QREW_MARK";
export const seatMark = (instance: string, seat: SeatNumber): string => `${instance}/${seat}/`;
export const jobMark = (instance: string, seat: SeatNumber, job: JobSeq): string =>
  `${seatMark(instance, seat)}${job}/`;
export const attemptMark = (instance: string, seat: SeatNumber, id: AttemptId): string =>
  `${seatMark(instance, seat)}${attemptKey(id)}`;

/** Socket of a seat, in the run folder: `gpuq03.ipc`. */
export const seatSocketName = (seat: SeatNumber): string => `gpuq${String(seat).padStart(2, "0")}.ipc`;
/**
 * Socket of a seat's forkserver, in the run folder: `fork03-9eef9c90.sock`. It names the instance, so that what an earlier state of the
 * folder still runs is never taken for attempts of the present one.
 */
export const forkserverSocketName = (instance: string, seat: SeatNumber): string =>
  `fork${String(seat).padStart(2, "0")}-${instance.slice(0, 8)}.sock`;
/** Store of a seat, in the state folder: `worker-03`. */
export const seatStoreName = (seat: SeatNumber): string => `worker-${String(seat).padStart(2, "0")}`;
/** Folder of the spool files of a seat's attempts, in the state folder: `spool/03`. */
export const spoolFolderName = (seat: SeatNumber): string => `spool/${String(seat).padStart(2, "0")}`;
/** The file into which an attempt writes a stream while it runs, in that folder. Programs read it, so the name is part of the wire. */
export const spoolFileName = (id: AttemptId, stream: "stdout" | "stderr"): string =>
  `${id.job}-${id.task}-${id.attempt}.${stream === "stdout" ? "out" : "err"}`;
export const MANAGER_SOCKET_NAME = "manager.ipc";
