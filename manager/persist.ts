/** Writes of the manager: job records of a step, and a new job with its plan and environment. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { QrewError } from "../protocol/errors.ts";
import type { JobSeq } from "../protocol/ids.ts";
import { isFinalJobState } from "../protocol/states.ts";
import type { SubmissionOptions } from "../protocol/clientLink.ts";
import type { JobRecord } from "../src/store/managerRecords.ts";
import { putSubmissionKey } from "../src/store/submissionKeys.ts";
import { putEnvironment, putJob, readJob, reserveJobNumber } from "../src/store/managerStore.ts";
import { writePlan } from "../src/store/plans.ts";
import type { Store } from "../src/store/port.ts";
import type { ManagerEffect } from "./core/events.ts";

/** All `recordJob` in one transaction. Throws `storeFull`; then nothing is written. */
export function persist(store: Store, effects: readonly ManagerEffect[]): void {
  if (!effects.some(({ type }) => type === "recordJob")) return;
  store.write((writer) => {
    for (const effect of effects) if (effect.type === "recordJob") putJob(writer, effect.record);
  });
}

/**
 * The job with all that belongs to it, on disk when it resolves. The record comes last: a plan without one is of no job, and
 * its number is not given again.
 */
export async function storeJob(
  store: Store,
  home: string,
  record: JobRecord,
  options: SubmissionOptions,
  key: { readonly key: string; readonly digest: string } | null,
  plan: Uint8Array,
): Promise<JobRecord> {
  store.write((writer) => reserveJobNumber(writer, record.job));
  const directory =
    options.directory.type === "existing" ? options.directory.path : freshFolder(home, record);
  await writePlan(store, record.job, plan);
  const stored: JobRecord = { ...record, directory };
  store.write((writer) => {
    putEnvironment(writer, record.job, { env: options.env, directory, umask: options.umask });
    putJob(writer, stored);
    if (key !== null) putSubmissionKey(writer, key.key, { job: record.job, digest: key.digest });
  });
  await store.flushed();
  return stored;
}

/** The plan of the next round of a job that has ended; resolves with its record, when the plan is on disk. */
export async function storeRound(store: Store, job: JobSeq, plan: Uint8Array): Promise<JobRecord> {
  const record = store.read((reader) => readJob(reader, job));
  if (record === null || !isFinalJobState(record.state)) {
    throw new QrewError("refused", `There is no job ${job} that has ended: see \`qrew jobs\`.`);
  }
  await writePlan(store, job, plan, record.round + 1);
  await store.flushed();
  return record;
}

function freshFolder(home: string, record: JobRecord): string {
  const folder = path.join(home, "jobs", String(record.job));
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = `The fresh folder of the job cannot be made (${why}): mend that, or use --dir.`;
    throw new QrewError("refused", message, [], { cause: error });
  }
  return folder;
}
