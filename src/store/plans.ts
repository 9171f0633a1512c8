/**
 * Plans in the manager's store, cut into chunks. All chunks but the last are full and the last one is not (it may be
 * empty), so a plan whose writing was interrupted is told from a whole one.
 */
import type { JobSeq } from "../../protocol/ids.ts";
import { keyPart, keysUnder, u32Key } from "./keys.ts";
import type { Store, StoreReader, StoreWriter } from "./port.ts";
import { damagedRecord } from "./record.ts";

const TABLE = "plans";

/** Small enough to be copied without a pause, large enough that a plan of 100 MB has only a hundred. */
export const PLAN_CHUNK_BYTES = 1024 * 1024;

/** Chunks in one transaction of `writePlan`: its commit writes and syncs so many MiB before the event loop goes on. */
const CHUNKS_PER_TRANSACTION = 8;

const chunkCount = (bytes: number): number => Math.floor(bytes / PLAN_CHUNK_BYTES) + 1;

const chunkOf = (plan: Uint8Array, chunk: number): Uint8Array =>
  plan.subarray(chunk * PLAN_CHUNK_BYTES, (chunk + 1) * PLAN_CHUNK_BYTES);

/** The whole plan in the caller's transaction, in place of an earlier one. For plans of a few MiB. */
export function putPlan(writer: StoreWriter, job: JobSeq, plan: Uint8Array): void {
  deletePlan(writer, job);
  for (let chunk = 0; chunk < chunkCount(plan.length); chunk += 1) {
    writer.put(TABLE, u32Key(job, chunk), chunkOf(plan, chunk));
  }
}

/**
 * The whole plan in several transactions, with a turn of the event loop between them, in place of an earlier one. Until
 * it resolves, `readPlan` finds null or throws; a job is queued only after that.
 */
export async function writePlan(store: Store, job: JobSeq, plan: Uint8Array): Promise<void> {
  store.write((writer) => deletePlan(writer, job));
  const count = chunkCount(plan.length);
  for (let first = 0; first < count; first += CHUNKS_PER_TRANSACTION) {
    await nextTurn();
    store.write((writer) => {
      for (let chunk = first; chunk < Math.min(first + CHUNKS_PER_TRANSACTION, count); chunk += 1) {
        writer.put(TABLE, u32Key(job, chunk), chunkOf(plan, chunk));
      }
    });
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Null for a job without plan. The buffer is the caller's, alone in its ArrayBuffer from offset 0, so that typed arrays
 * can be laid over it. Throws `storeDamaged` when chunks are missing.
 */
export function readPlan(reader: StoreReader, job: JobSeq): Uint8Array<ArrayBuffer> | null {
  const { chunks, bytes } = measure(reader, job);
  if (chunks === 0) return null;
  const plan = new Uint8Array(new ArrayBuffer(bytes));
  let offset = 0;
  for (const { value } of reader.range(TABLE, keysUnder(job))) {
    plan.set(value, offset);
    offset += value.length;
  }
  return plan;
}

function measure(reader: StoreReader, job: JobSeq): { readonly chunks: number; readonly bytes: number } {
  let chunks = 0;
  let bytes = 0;
  let ended = false;
  for (const { key, value } of reader.range(TABLE, keysUnder(job))) {
    const missing = ended || keyPart(TABLE, key, 1) !== chunks || value.length > PLAN_CHUNK_BYTES;
    if (missing) throw damagedRecord({ table: TABLE, key }, "it does not follow the chunk before");
    ended = value.length < PLAN_CHUNK_BYTES;
    chunks += 1;
    bytes += value.length;
  }
  if (chunks > 0 && !ended) throw damagedRecord({ table: TABLE, key: u32Key(job) }, "the plan has no end");
  return { chunks, bytes };
}

export function deletePlan(writer: StoreWriter, job: JobSeq): void {
  const keys = [...writer.range(TABLE, keysUnder(job))].map((entry) => entry.key);
  for (const key of keys) writer.delete(TABLE, key);
}
