/**
 * The keys of submissions in the manager's store: which job a key belongs to, and what it was submitted with. They live as long as
 * their job.
 */
import * as v from "valibot";
import { jobField } from "../../protocol/fields.ts";
import type { JobSeq } from "../../protocol/ids.ts";
import { u32Key } from "./keys.ts";
import type { StoreReader, StoreWriter } from "./port.ts";
import { packRecord, unpackRecord } from "./record.ts";

export interface SubmissionKeyRecord {
  readonly job: JobSeq;
  /** Of the document and its options, in hexadecimal digits. Null: the submitter made the key, and knows what it is of. */
  readonly digest: string | null;
}

const submissionKeySchema: v.GenericSchema<unknown, SubmissionKeyRecord> = v.strictObject({
  job: jobField,
  digest: v.nullable(v.string()),
});

/** The key in UTF-8; SubmissionKeyRecord. */
const KEYS = "submissionKeys";
/** job u32; its key in UTF-8. */
const KEYS_OF_JOBS = "keysOfJobs";

export function readSubmissionKey(reader: StoreReader, key: string): SubmissionKeyRecord | null {
  const bytes = Buffer.from(key);
  const value = reader.get(KEYS, bytes);
  return value === undefined ? null : unpackRecord(submissionKeySchema, value, { table: KEYS, key: bytes });
}

/** In the transaction of the job's record. */
export function putSubmissionKey(writer: StoreWriter, key: string, record: SubmissionKeyRecord): void {
  const bytes = Buffer.from(key);
  writer.put(KEYS, bytes, packRecord(record));
  writer.put(KEYS_OF_JOBS, u32Key(record.job), bytes);
}

/** With the job's record; does nothing for a job without key. */
export function deleteSubmissionKey(writer: StoreWriter, job: JobSeq): void {
  const found = writer.get(KEYS_OF_JOBS, u32Key(job));
  if (found === undefined) return;
  const key = Uint8Array.from(found);
  writer.delete(KEYS, key);
  writer.delete(KEYS_OF_JOBS, u32Key(job));
}

/** Each key with its job; what is given reads it, and throws `storeDamaged`. */
export function* eachSubmissionKey(
  reader: StoreReader,
): Generator<() => { readonly key: string; readonly job: JobSeq }> {
  for (const { key, value } of reader.range(KEYS, {})) {
    yield () => ({
      key: Buffer.from(key).toString(),
      job: unpackRecord(submissionKeySchema, value, { table: KEYS, key }).job,
    });
  }
}
