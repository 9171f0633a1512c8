/**
 * Plans in the manager's store, cut into chunks. The first round's is kept when a later one has another document: the records of a
 * job are numbered by the plan of the round that wrote them. All chunks but the last are full and the last one is not (it may be
 * empty), so a plan whose writing was interrupted is told from a whole one.
 */
import type { JobSeq } from "../../protocol/ids.ts";
import { keyPart, keysUnder, u32Key } from "./keys.ts";
import { readJob } from "./managerStore.ts";
import type { Store, StoreReader, StoreWriter } from "./port.ts";
import { damagedRecord } from "./record.ts";

const TABLE = "plans";
const LATER_TABLE = "laterPlans";

/** Where the plan that came with a round lies: the first one's under the job, a later one's under job and round. */
interface Place {
  readonly table: string;
  readonly prefix: readonly number[];
}

const placeOf = (job: JobSeq, round: number): Place =>
  round === 1 ? { table: TABLE, prefix: [job] } : { table: LATER_TABLE, prefix: [job, round] };

/** Small enough to be copied without a pause, large enough that a plan of 100 MB has only a hundred. */
export const PLAN_CHUNK_BYTES = 1024 * 1024;

/** Chunks in one transaction of `writePlan`: so many MiB are written before the event loop goes on, and synced at a time. */
const CHUNKS_PER_TRANSACTION = 8;

const chunkCount = (bytes: number): number => Math.floor(bytes / PLAN_CHUNK_BYTES) + 1;

const chunkOf = (plan: Uint8Array, chunk: number): Uint8Array =>
  plan.subarray(chunk * PLAN_CHUNK_BYTES, (chunk + 1) * PLAN_CHUNK_BYTES);

/** The whole plan of a round in the caller's transaction, in place of an earlier one. For plans of a few MiB. */
export function putPlan(writer: StoreWriter, job: JobSeq, plan: Uint8Array, round = 1): void {
  const { table, prefix } = placeOf(job, round);
  // Chunks are written from the first on: without that one there are none.
  if (writer.get(table, u32Key(...prefix, 0)) !== undefined) deleteUnder(writer, { table, prefix });
  for (let chunk = 0; chunk < chunkCount(plan.length); chunk += 1) {
    writer.put(table, u32Key(...prefix, chunk), chunkOf(plan, chunk));
  }
}

/**
 * The whole plan of a round in several transactions, each on disk before the next, in place of an earlier one. Until
 * it resolves, reading it finds null or throws; the record of the job names the round only after that.
 */
export async function writePlan(store: Store, job: JobSeq, plan: Uint8Array, round = 1): Promise<void> {
  const { table, prefix } = placeOf(job, round);
  store.write((writer) => deleteUnder(writer, { table, prefix }));
  const count = chunkCount(plan.length);
  for (let first = 0; first < count; first += CHUNKS_PER_TRANSACTION) {
    // Whoever waits meanwhile for something small to be on disk waits for no more than this.
    await store.flushed();
    await nextTurn();
    store.write((writer) => {
      for (let chunk = first; chunk < Math.min(first + CHUNKS_PER_TRANSACTION, count); chunk += 1) {
        writer.put(table, u32Key(...prefix, chunk), chunkOf(plan, chunk));
      }
    });
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * The plan that counts now; null for a job without. The buffer is the caller's, alone in its ArrayBuffer from offset 0, so that
 * typed arrays can be laid over it. Throws `storeDamaged` when chunks are missing.
 */
export const readPlan = (reader: StoreReader, job: JobSeq): Uint8Array<ArrayBuffer> | null =>
  readPlanOfRound(reader, job, readJob(reader, job)?.planRound ?? 1);

/** The plan that came with a round; null if none did. As `readPlan`. */
export function readPlanOfRound(
  reader: StoreReader,
  job: JobSeq,
  round: number,
): Uint8Array<ArrayBuffer> | null {
  const place = placeOf(job, round);
  const first = reader.get(place.table, u32Key(...place.prefix, 0));
  // The usual case: one chunk that is not full has no other behind it.
  if (first !== undefined && first.length < PLAN_CHUNK_BYTES) return alone(first);
  const { chunks, bytes } = measure(reader, place);
  if (chunks === 0) return null;
  const plan = new Uint8Array(new ArrayBuffer(bytes));
  let offset = 0;
  for (const { value } of reader.range(place.table, keysUnder(...place.prefix))) {
    plan.set(value, offset);
    offset += value.length;
  }
  return plan;
}

function alone(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(new ArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

function measure(
  reader: StoreReader,
  { table, prefix }: Place,
): { readonly chunks: number; readonly bytes: number } {
  let chunks = 0;
  let bytes = 0;
  let ended = false;
  for (const { key, value } of reader.range(table, keysUnder(...prefix))) {
    const missing = ended || keyPart(table, key, prefix.length) !== chunks || value.length > PLAN_CHUNK_BYTES;
    if (missing) throw damagedRecord({ table, key }, "it does not follow the chunk before");
    ended = value.length < PLAN_CHUNK_BYTES;
    chunks += 1;
    bytes += value.length;
  }
  if (chunks > 0 && !ended) throw damagedRecord({ table, key: u32Key(...prefix) }, "the plan has no end");
  return { chunks, bytes };
}

/** Those of all rounds. */
export function deletePlan(writer: StoreWriter, job: JobSeq): void {
  for (const table of [TABLE, LATER_TABLE]) deleteUnder(writer, { table, prefix: [job] });
}

function deleteUnder(writer: StoreWriter, { table, prefix }: Place): void {
  const keys = [...writer.range(table, keysUnder(...prefix))].map((entry) => entry.key);
  for (const key of keys) writer.delete(table, key);
}
