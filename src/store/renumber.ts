/** Gives the tasks of a job other numbers in the store of its seat, with their attempts and outputs. */
import { type JobSeq, jobSeq } from "../../protocol/ids.ts";
import { keyPart, keysUnder } from "./keys.ts";
import type { StoreWriter } from "./port.ts";
import { TASK_TABLES } from "./workerStore.ts";

/** Jobs are counted from 1: under this number lies what is between its old and its new place. */
const BETWEEN = jobSeq(0);

/** Entries whose keys are in memory at a time. */
const KEYS_PER_PAGE = 1000;

/**
 * `numbers` has the new number of each task; what has none that is below `taskCount` is deleted. Within the caller's transaction,
 * which is as large as what moves.
 */
export function renumberTasks(
  writer: StoreWriter,
  job: JobSeq,
  numbers: Uint32Array,
  taskCount: number,
): void {
  for (const table of TASK_TABLES) {
    moveAll(writer, table, job, BETWEEN, (task) => {
      const next = numbers[task] ?? taskCount;
      return next < taskCount ? next : null;
    });
    moveAll(writer, table, BETWEEN, job, (task) => task);
  }
}

function moveAll(
  writer: StoreWriter,
  table: string,
  from: JobSeq,
  to: JobSeq,
  numberOf: (task: number) => number | null,
): void {
  for (;;) {
    const keys = [...writer.range(table, { ...keysUnder(from), limit: KEYS_PER_PAGE })].map(({ key }) => key);
    if (keys.length === 0) return;
    for (const key of keys) {
      const task = numberOf(keyPart(table, key, 1));
      const value = writer.get(table, key);
      if (task !== null && value !== undefined) writer.put(table, movedKey(key, to, task), value);
      writer.delete(table, key);
    }
  }
}

/** The same key with another job and task. */
function movedKey(key: Uint8Array, job: JobSeq, task: number): Uint8Array {
  const moved = Buffer.from(key);
  moved.writeUInt32BE(job, 0);
  moved.writeUInt32BE(task, 4);
  return moved;
}
