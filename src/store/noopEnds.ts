/**
 * Ends of noop tasks that came together, as columns in one value of the table `noopEnds`. A DAG ends in the order of its levels, which
 * is none of its numbers: with a record for each of a million tasks a transaction of some thousand ends would rewrite as many pages
 * of the tree. Together they are sixteen bytes each.
 *
 * The value, little-endian: u32 format, u32 count, f64 wall and f64 monotonic milliseconds, u32 length of the node's name; the name,
 * filled up to a multiple of four; then four columns of u32, in the order of the tasks, which ascend: task, attempt, sequence
 * number of ready, sequence number of the end (the start has the one before). The key is job and the highest of the latter.
 *
 * What is here is the last word of the round on a task, whatever the table `tasks` says of it.
 */
import { assert } from "../../protocol/errors.ts";
import { type JobSeq, type TaskIndex, taskIndex } from "../../protocol/ids.ts";
import { keysUnder, u32Key } from "./keys.ts";
import type { StoreReader, StoreWriter } from "./port.ts";
import { damagedRecord, type Place } from "./record.ts";
import { type NoopEnds, noopRecord, type TaskRecord } from "./workerRecords.ts";

export const NOOP_ENDS = "noopEnds";

const FORMAT = 1;
const HEADER_BYTES = 28;
const COLUMNS = 4;
const aligned = (bytes: number): number => Math.ceil(bytes / 4) * 4;

export function putNoopEnds(writer: StoreWriter, job: JobSeq, ends: NoopEnds): void {
  const last = ends.finishedSeqs.reduce((most, seq) => Math.max(most, seq), 0);
  writer.put(NOOP_ENDS, u32Key(job, last), encodeNoopEnds(ends));
}

export function encodeNoopEnds({ node, atMs, monoMs, ...columns }: NoopEnds): Uint8Array {
  const { tasks, attempts, readySeqs, finishedSeqs } = columns;
  const name = Buffer.from(node);
  const first = HEADER_BYTES + aligned(name.length);
  const bytes = new Uint8Array(first + COLUMNS * tasks.byteLength);
  const header = new DataView(bytes.buffer);
  header.setUint32(0, FORMAT, true);
  header.setUint32(4, tasks.length, true);
  header.setFloat64(8, atMs, true);
  header.setFloat64(16, monoMs, true);
  header.setUint32(24, name.length, true);
  bytes.set(name, HEADER_BYTES);
  for (const [column, numbers] of [tasks, attempts, readySeqs, finishedSeqs].entries()) {
    new Uint32Array(bytes.buffer, first + column * tasks.byteLength, tasks.length).set(numbers);
  }
  return bytes;
}

/** Throws `storeDamaged`, naming table and key, for anything that `encodeNoopEnds` does not write. */
export function decodeNoopEnds(value: Uint8Array, place: Place): NoopEnds {
  const check = (holds: boolean, what: string): void => {
    if (!holds) throw damagedRecord(place, what);
  };
  // A copy: numbers are laid over it, which begin at a multiple of four, and a value lives no longer than its transaction.
  const bytes = new Uint8Array(value);
  check(bytes.length >= HEADER_BYTES, `${bytes.length} bytes are too few`);
  const header = new DataView(bytes.buffer);
  check(header.getUint32(0, true) === FORMAT, "it has another format");
  const count = header.getUint32(4, true);
  const nameLength = header.getUint32(24, true);
  const first = HEADER_BYTES + aligned(nameLength);
  check(bytes.length === first + COLUMNS * 4 * count, "it has another length");
  const column = (number: number): Uint32Array =>
    new Uint32Array(bytes.buffer, first + number * 4 * count, count);
  const tasks = column(0);
  for (let index = 1; index < count; index += 1) {
    check((tasks[index - 1] ?? 0) < (tasks[index] ?? 0), "its tasks are not in order");
  }
  return {
    node: Buffer.from(bytes.buffer, HEADER_BYTES, nameLength).toString(),
    atMs: header.getFloat64(8, true),
    monoMs: header.getFloat64(16, true),
    tasks,
    attempts: column(1),
    readySeqs: column(2),
    finishedSeqs: column(3),
  };
}

/** All of a job, in the order in which they came. Lazy, as `range` is. */
export function* listNoopEnds(reader: StoreReader, job: JobSeq): Generator<NoopEnds> {
  for (const { key, value } of reader.range(NOOP_ENDS, keysUnder(job))) {
    yield decodeNoopEnds(value, { table: NOOP_ENDS, key });
  }
}

/** Null for a task that did not end in this way. Looks at all of the job: some milliseconds for a million. */
export function findNoopEnd(reader: StoreReader, job: JobSeq, task: TaskIndex): TaskRecord | null {
  for (const ends of listNoopEnds(reader, job)) {
    const index = indexOf(ends.tasks, task);
    if (ends.tasks[index] === task) return noopRecord(ends, index);
  }
  return null;
}

/** The place of the first that is at least `task`. */
function indexOf(tasks: Uint32Array, task: number): number {
  let low = 0;
  let high = tasks.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((tasks[middle] ?? 0) < task) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Places are numbered over all batches of a job, which has fewer tasks. */
const PLACES_MAX = 2 ** 24;

/** Those of a job from one task on, to be gone through in the order of the tasks. All are in memory: 24 bytes each. */
export class NoopEndsByTask {
  readonly #batches: readonly NoopEnds[];
  /** The first place of each batch. */
  readonly #starts: readonly number[];
  /** `task × PLACES_MAX + place`, ascending. */
  readonly #order: Float64Array;
  #next = 0;

  constructor(reader: StoreReader, job: JobSeq, first: TaskIndex) {
    this.#batches = [...listNoopEnds(reader, job)];
    const starts: number[] = [];
    let places = 0;
    for (const { tasks } of this.#batches) {
      starts.push(places);
      places += tasks.length;
    }
    assert(places < PLACES_MAX, `a job has fewer than ${PLACES_MAX} tasks`);
    this.#starts = starts;
    const order = new Float64Array(places);
    let count = 0;
    for (const [batch, { tasks }] of this.#batches.entries()) {
      for (let index = indexOf(tasks, first); index < tasks.length; index += 1) {
        order[count] = (tasks[index] ?? 0) * PLACES_MAX + (starts[batch] ?? 0) + index;
        count += 1;
      }
    }
    this.#order = order.subarray(0, count).sort();
  }

  /** Null at the end. */
  get task(): TaskIndex | null {
    const next = this.#order[this.#next];
    return next === undefined ? null : taskIndex(Math.floor(next / PLACES_MAX));
  }

  /** The record of `task`; the next one is then that of the next. */
  take(): TaskRecord {
    const place = (this.#order[this.#next] ?? 0) % PLACES_MAX;
    this.#next += 1;
    const batch = lastAtMost(this.#starts, place);
    const ends = this.#batches[batch];
    assert(ends !== undefined, "a place is in a batch");
    return noopRecord(ends, place - (this.#starts[batch] ?? 0));
  }
}

function lastAtMost(numbers: readonly number[], wanted: number): number {
  let low = 0;
  let high = numbers.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] ?? 0) <= wanted) low = middle;
    else high = middle;
  }
  return low;
}
