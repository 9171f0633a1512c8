/** Writes of the manager: job records of a step, and the plan of another round. */
import { QrewError } from "../protocol/errors.ts";
import type { JobSeq } from "../protocol/ids.ts";
import { isFinalJobState } from "../protocol/states.ts";
import type { JobRecord } from "../src/store/managerRecords.ts";
import { putJob, readJob } from "../src/store/managerStore.ts";
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
