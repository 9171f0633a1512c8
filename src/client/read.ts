/**
 * Reads the state folder: jobs, tasks, attempts, output. It needs no manager, changes nothing, and sees at each call what
 * is committed then. Callers close it.
 *
 * A QWorker's record of a job is the original and the manager's is derived from it, so where both are there the QWorker's
 * counts are shown.
 */
import path from "node:path";
import { QrewError } from "../../protocol/errors.ts";
import type { CapturedOutput } from "../../protocol/executorLink.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import {
  type JobSeq,
  type SeatNumber,
  spoolFileName,
  spoolFolderName,
  type TaskIndex,
} from "../../protocol/ids.ts";
import type { HolderRecord, JobRecord } from "../store/managerRecords.ts";
import { listJobs, readHolder, readJob } from "../store/managerStore.ts";
import { readPlan } from "../store/plans.ts";
import type { Store } from "../store/port.ts";
import { STREAM_STDERR, STREAM_STDOUT, type WorkerJobRecord } from "../store/workerRecords.ts";
import { readOutput, readTask, readWorkerJob } from "../store/workerStore.ts";
import { decodePlan } from "../workflow/decodePlan.ts";
import type { Plan } from "../workflow/plan.ts";
import { isHolderAlive } from "./holder.ts";
import { type JobView, mergeJob } from "./jobView.ts";
import { fileOutput, type StreamName } from "./readOutput.ts";
import { JobTasks } from "./readTasks.ts";
import { Stores } from "./stores.ts";

export interface JobPage {
  /** The newest first. */
  readonly jobs: readonly JobView[];
  /** Older jobs that were left out; counted up to MORE_JOBS_MAX. */
  readonly more: number;
}

/** Counting reads each record; nobody needs to know which of two large numbers it is. */
export const MORE_JOBS_MAX = 1_000;

/** Jobs in one snapshot of `eachJob`: about a millisecond. */
const JOBS_PER_PAGE = 256;

export class StateReader {
  readonly #stores: Stores;
  readonly #folder: string;
  /** The last plan that was asked for: commands look at one job. */
  #plan: { readonly job: JobSeq; readonly plan: Plan } | null = null;

  constructor(stateFolder: string) {
    this.#stores = new Stores(stateFolder);
    this.#folder = stateFolder;
  }

  /** The manager that runs now, from its lock; null when none does. */
  holder(): HolderRecord | null {
    const holder = this.#stores.manager()?.read(readHolder) ?? null;
    return holder !== null && isHolderAlive(holder) ? holder : null;
  }

  /** The newest `limit` jobs. */
  jobs(limit: number): JobPage {
    const manager = this.#stores.manager();
    if (manager === null) return { jobs: [], more: 0 };
    const records = manager.read((reader) => listJobs(reader, { limit: limit + MORE_JOBS_MAX }));
    const jobs = records.slice(0, limit).map((record) => this.#merged(record));
    return { jobs, more: records.length - jobs.length };
  }

  /** All jobs from the newest to the oldest, or those below the number `before`; read in pages, so that any number may be there. */
  *eachJob(before?: JobSeq): Generator<JobView> {
    const manager = this.#stores.manager();
    if (manager === null) return;
    let limit: { before?: JobSeq } = before === undefined ? {} : { before };
    for (;;) {
      const page = manager.read((reader) => listJobs(reader, { limit: JOBS_PER_PAGE, ...limit }));
      for (const record of page) yield this.#merged(record);
      const last = page.at(-1);
      if (last === undefined || page.length < JOBS_PER_PAGE) return;
      limit = { before: last.job };
    }
  }

  /** Null when there is none of this number. */
  job(job: JobSeq): JobView | null {
    const record = this.#stores.manager()?.read((reader) => readJob(reader, job)) ?? null;
    return record === null ? null : this.#merged(record);
  }

  /** The manager has heard that the job has ended, a moment after its QWorker has recorded it: until then it is open to requests. */
  isSettled(job: JobSeq): boolean {
    const record = this.#stores.manager()?.read((reader) => readJob(reader, job)) ?? null;
    return record !== null && isFinalJobState(record.state);
  }

  /** The newest; null before the first. */
  lastJob(): JobSeq | null {
    const records = this.#stores.manager()?.read((reader) => listJobs(reader, { limit: 1 })) ?? [];
    return records[0]?.job ?? null;
  }

  /** Null when the job has none (any more). Throws `storeDamaged`. */
  plan(job: JobSeq): Plan | null {
    if (this.#plan?.job === job) return this.#plan.plan;
    const bytes = this.#stores.manager()?.read((reader) => readPlan(reader, job)) ?? null;
    if (bytes === null) return null;
    this.#plan = { job, plan: decodePlan(bytes) };
    return this.#plan.plan;
  }

  /** The tasks of a job. Throws `storeDamaged` when its plan is missing. */
  tasks(job: JobView): JobTasks {
    const plan = this.plan(job.job);
    if (plan === null)
      throw new QrewError("storeDamaged", `The plan of job ${job.job} is missing: submit it again.`);
    return new JobTasks(job, plan, this.#isOfPlan(job) ? this.#seatStore(job) : null);
  }

  /**
   * What an attempt has written to a stream; null when that is nothing, or not known before it ends. What goes to a file of the
   * document is read from there, also while the attempt runs, and only of the latest.
   */
  output(job: JobView, task: TaskIndex, attempt: number, stream: StreamName): CapturedOutput | null {
    const key = {
      job: job.job,
      task,
      attempt,
      stream: stream === "stdout" ? STREAM_STDOUT : STREAM_STDERR,
    } as const;
    const store = this.#seatStore(job);
    const captured = store?.read((reader) => readOutput(reader, key)) ?? null;
    if (captured !== null) return captured;
    const file = this.streamFile(job, task, stream);
    // Each attempt begins the file anew.
    if (file === null || store?.read((reader) => readTask(reader, job.job, task))?.attempt !== attempt)
      return null;
    return fileOutput(file);
  }

  /** The file that the document gives to a stream of a task, which need not be there; null where it is captured. */
  streamFile(job: JobView, task: TaskIndex, stream: StreamName): string | null {
    const file = this.plan(job.job)?.streamFile(task, stream) ?? null;
    return file === null ? null : path.resolve(job.directory, file);
  }

  /** The file into which an attempt writes while it runs; null while no QWorker has had the job. Whether it is there shows when it is read. */
  spoolFile(job: JobView, task: TaskIndex, attempt: number, stream: StreamName): string | null {
    const ownFile = this.streamFile(job, task, stream);
    if (ownFile !== null || job.seat === null) return ownFile;
    const name = spoolFileName({ job: job.job, task, attempt }, stream);
    return path.join(this.#folder, spoolFolderName(job.seat), name);
  }

  /** What a running attempt has written so far, or all of it if it has just ended; null when that is nothing. */
  outputSoFar(job: JobView, task: TaskIndex, attempt: number, stream: StreamName): CapturedOutput | null {
    return this.#spooled(job, task, attempt, stream) ?? this.output(job, task, attempt, stream);
  }

  #spooled(job: JobView, task: TaskIndex, attempt: number, stream: StreamName): CapturedOutput | null {
    const file = this.spoolFile(job, task, attempt, stream);
    return file === null ? null : fileOutput(file);
  }

  close(): Promise<void> {
    return this.#stores.close();
  }

  /** Until a QWorker opens the round of a corrected document, the records are numbered by the document before. */
  #isOfPlan(job: JobView): boolean {
    if (job.seat === null) return true;
    const worker = this.#workerJob(job.seat, job.job);
    return worker === null || worker.planRound === job.planRound;
  }

  /** Null while no QWorker has had the job. */
  #seatStore(job: JobView): Store | null {
    return job.seat === null ? null : this.#stores.seat(job.seat);
  }

  #merged(record: JobRecord): JobView {
    // What is final in the queue has been copied from the original.
    if (record.seat === null || isFinalJobState(record.state)) return record;
    const worker = this.#workerJob(record.seat, record.job);
    return worker === null || worker.round !== record.round ? record : mergeJob(record, worker);
  }

  /** One damaged seat must not hide the jobs of the others: what the queue knows is shown then. */
  #workerJob(seat: SeatNumber, job: JobSeq): WorkerJobRecord | null {
    try {
      return this.#stores.seat(seat)?.read((reader) => readWorkerJob(reader, job)) ?? null;
    } catch (error) {
      if (error instanceof QrewError && error.code === "storeDamaged") return null;
      throw error;
    }
  }
}
