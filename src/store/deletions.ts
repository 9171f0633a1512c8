/**
 * Jobs that are being deleted: from the moment they stand here they exist for nobody any more, and what is left of them is cleared
 * away, also after a restart.
 */
import * as v from "valibot";
import { seatField } from "../../protocol/fields.ts";
import { type JobSeq, jobSeq, type SeatNumber } from "../../protocol/ids.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import { keyPart, u32Key } from "./keys.ts";
import { deleteEnvironment, deleteJob, readJob } from "./managerStore.ts";
import { deletePlan } from "./plans.ts";
import type { StoreReader, StoreWriter } from "./port.ts";
import { packRecord, unpackRecord } from "./record.ts";
import { deleteSubmissionKey } from "./submissionKeys.ts";

const DELETIONS = "deletions";

interface DeletionRecord {
  /** Whose store has its tasks; null: nobody's. */
  readonly seat: SeatNumber | null;
  /** Its fresh folder goes as well. */
  readonly folders: boolean;
}

export interface Deletion extends DeletionRecord {
  readonly job: JobSeq;
}

const recordSchema: v.GenericSchema<unknown, DeletionRecord> = v.strictObject({
  seat: v.nullable(seatField),
  folders: v.boolean(),
});

/** Null, and nothing is changed, for a job that has not ended or is not there. */
export function markDeleted(writer: StoreWriter, job: JobSeq, folders: boolean): Deletion | null {
  const record = readJob(writer, job);
  if (record === null || !isFinalJobState(record.state)) return null;
  const { seat } = record;
  writer.put(DELETIONS, u32Key(job), packRecord({ seat, folders }));
  deleteJob(writer, job);
  deleteSubmissionKey(writer, job);
  return { job, seat, folders };
}

export function listDeletions(reader: StoreReader): readonly Deletion[] {
  const deletions: Deletion[] = [];
  for (const { key, value } of reader.range(DELETIONS, {})) {
    const record = unpackRecord(recordSchema, value, { table: DELETIONS, key });
    deletions.push({ ...record, job: jobSeq(keyPart(DELETIONS, key, 0)) });
  }
  return deletions;
}

/** The last of it in the manager's store. */
export function finishDeletion(writer: StoreWriter, job: JobSeq): void {
  deletePlan(writer, job);
  deleteEnvironment(writer, job);
  writer.delete(DELETIONS, u32Key(job));
}
