/**
 * New jobs with all that belongs to them. They begin when they are committed, and their submitters are told when that is on disk. Small
 * ones that come in one turn of the event loop share a transaction: a thousand submissions at once cost a few commits, not thousands.
 */
import { mkdirSync } from "node:fs";
import path from "node:path";
import type { SubmissionOptions } from "../protocol/clientLink.ts";
import { QrewError } from "../protocol/errors.ts";
import { collectGarbageSoon } from "../src/node/collectGarbage.ts";
import type { JobRecord } from "../src/store/managerRecords.ts";
import { putEnvironment, putJob, reserveJobNumbers } from "../src/store/managerStore.ts";
import { PLAN_CHUNK_BYTES, putPlan, writePlan } from "../src/store/plans.ts";
import type { Store, StoreWriter } from "../src/store/port.ts";
import { putSubmissionKey } from "../src/store/submissionKeys.ts";

export interface NewJob {
  readonly record: JobRecord;
  readonly options: SubmissionOptions;
  readonly key: { readonly key: string; readonly digest: string | null } | null;
  readonly plan: Uint8Array;
}

interface Waiting {
  readonly job: NewJob;
  readonly stored: JobRecord;
  readonly resolve: (stored: JobRecord) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Job numbers that are given between two flushes at most. A power cut may take back that they were given, and a QWorker's store
 * may know the jobs all the same: so a manager that comes after one skips so many, and no job is ever taken for another.
 */
export const NUMBERS_PER_FLUSH_MAX = 1000;

/** Plans in one transaction: its commit writes so many bytes before the event loop goes on. */
const GROUP_BYTES_MAX = 8 * PLAN_CHUNK_BYTES;

export class JobStorage {
  readonly #store: Store;
  readonly #home: string;
  readonly #waiting: Waiting[] = [];
  #givenUnflushed = 0;

  constructor(store: Store, home: string) {
    this.#store = store;
    this.#home = home;
  }

  /** Resolves with the record as it is stored, when it is committed. Throws `storeFull`, `refused`. */
  async add(job: NewJob): Promise<JobRecord> {
    this.#givenUnflushed += 1;
    if (this.#givenUnflushed >= NUMBERS_PER_FLUSH_MAX) {
      await this.#store.flushed();
      this.#givenUnflushed = 0;
    }
    const { record, options, plan } = job;
    const directory =
      options.directory.type === "existing" ? options.directory.path : this.#freshFolder(record);
    const stored = { ...record, directory };
    if (plan.length >= PLAN_CHUNK_BYTES) return this.#addLarge(job, stored);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, stored, resolve, reject });
      if (this.#waiting.length === 1) process.nextTick(() => this.#addWaiting());
    });
  }

  #addWaiting(): void {
    const group = this.#takeGroup();
    if (this.#waiting.length > 0) setImmediate(() => this.#addWaiting());
    try {
      this.#store.write((writer) => {
        const numbers = group.map(({ stored }) => stored.job);
        reserveJobNumbers(writer, numbers);
        for (const { job, stored } of group) {
          putPlan(writer, stored.job, job.plan);
          putAccepted(writer, job, stored);
        }
      });
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    for (const { stored, resolve } of group) resolve(stored);
  }

  #takeGroup(): readonly Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { job } of this.#waiting) {
      bytes += job.plan.length;
      if (bytes > GROUP_BYTES_MAX) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /** The record comes last: a plan without one is of no job, and its number is not given again. */
  async #addLarge(job: NewJob, stored: JobRecord): Promise<JobRecord> {
    this.#store.write((writer) => reserveJobNumbers(writer, [stored.job]));
    await writePlan(this.#store, stored.job, job.plan);
    this.#store.write((writer) => putAccepted(writer, job, stored));
    collectGarbageSoon();
    return stored;
  }

  #freshFolder(record: JobRecord): string {
    const folder = path.join(this.#home, "jobs", String(record.job));
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const message = `The fresh folder of the job cannot be made (${why}): mend that, or use --dir.`;
      throw new QrewError("refused", message, [], { cause: error });
    }
    return folder;
  }
}

function putAccepted(writer: StoreWriter, { options, key }: NewJob, stored: JobRecord): void {
  const { job, directory } = stored;
  putEnvironment(writer, job, { env: options.env, directory, umask: options.umask });
  putJob(writer, stored);
  if (key !== null) putSubmissionKey(writer, key.key, { job, digest: key.digest });
}
