/**
 * The store of a seat by record: see workerRecords for the tables. Everything takes the reader or writer of a
 * transaction, so that callers decide what belongs together. Absent is null; unreadable throws `storeDamaged`.
 *
 * A writer is had only through `writeFenced`, which compares the epoch inside the transaction: what an earlier holder
 * of the seat still wants to write does not count.
 */
import * as v from "valibot";
import { QrewError } from "../../protocol/errors.ts";
import { type CapturedOutput, capturedOutputSchema } from "../../protocol/executorLink.ts";
import {
  countField,
  jobField,
  jobStateSchema,
  pauseModeSchema,
  taskCountsSchema,
  wallMsField,
} from "../../protocol/fields.ts";
import { type AttemptId, type JobSeq, type TaskIndex, taskIndex } from "../../protocol/ids.ts";
import type { ProcessName } from "../node/process.ts";
import { workerJobOfRow, workerJobRow } from "./jobRows.ts";
import { keyPart, keysUnder, u32Key, u32KeyWithByte, wordKey } from "./keys.ts";
import { findNoopEnd, NOOP_ENDS, NoopEndsByTask } from "./noopEnds.ts";
import type { Store, StoreReader, StoreWriter } from "./port.ts";
import { processFields } from "./processFields.ts";
import { packRecord, packU32, unpackRecord, unpackU32 } from "./record.ts";
import { decodeTask, encodeTask } from "./taskCodec.ts";
import type { AttemptOutputKey, TaskRecord, WorkerJobRecord } from "./workerRecords.ts";

const jobRecordSchema: v.GenericSchema<unknown, WorkerJobRecord> = v.strictObject({
  job: jobField,
  round: countField,
  planRound: v.optional(countField, 1),
  attemptFloor: v.optional(countField, 0),
  priority: v.number(),
  state: jobStateSchema,
  cancelRequested: v.boolean(),
  pause: v.optional(pauseModeSchema, "off"),
  parked: v.optional(v.boolean(), false),
  suspendedMs: v.optional(wallMsField, 0),
  suspendedSinceMs: v.optional(v.nullable(wallMsField), null),
  seq: countField,
  tasks: taskCountsSchema,
  finishedAtMs: v.nullable(wallMsField),
  detail: v.nullable(v.string()),
});

const processSchema: v.GenericSchema<unknown, ProcessName> = v.strictObject(processFields);

const META = "meta";
const JOBS = "jobs";
const TASKS = "tasks";
const ATTEMPTS = "attempts";
const OUTPUTS = "outputs";
/** Those whose keys begin with job and task; so do not those of noops that ended together (noopEnds.ts). */
export const TASK_TABLES = [OUTPUTS, ATTEMPTS, TASKS] as const;

const EPOCH = wordKey("epoch");
const EXECUTOR = wordKey("executor");
const SEAT_HOLDER = wordKey("holder");

/** 0 for a seat that nobody has taken yet. */
export function readEpoch(reader: StoreReader): number {
  const bytes = reader.get(META, EPOCH);
  return bytes === undefined ? 0 : unpackU32(bytes, { table: META, key: EPOCH });
}

/**
 * Takes the seat under an epoch that nobody has had: from then on all others are fenced. Returns the process that held it
 * before, which may still live and has to be ended for certain. Throws `fenced` when the seat has this epoch or a higher
 * one: a later holder was faster.
 */
export function takeSeat(store: Store, epoch: number, holder: ProcessName): ProcessName | null {
  return store.write((writer) => {
    const current = readEpoch(writer);
    if (current >= epoch) throw fenced(current, epoch);
    const before = readProcess(writer, SEAT_HOLDER);
    writer.put(META, EPOCH, packU32(epoch));
    writer.put(META, SEAT_HOLDER, packRecord(holder));
    return before;
  });
}

const fenced = (current: number, epoch: number): QrewError =>
  new QrewError(
    "fenced",
    `The seat was taken over (epoch ${current}, this process holds ${epoch}): this process has to leave.`,
  );

/** A write transaction of the holder of this epoch. Throws `fenced`, and writes nothing, when the seat has another. */
export function writeFenced<Result>(
  store: Store,
  epoch: number,
  body: (writer: StoreWriter) => Result,
): Result {
  return store.write((writer) => {
    const current = readEpoch(writer);
    if (current !== epoch) throw fenced(current, epoch);
    return body(writer);
  });
}

function readProcess(reader: StoreReader, key: Uint8Array): ProcessName | null {
  const bytes = reader.get(META, key);
  return bytes === undefined ? null : unpackRecord(processSchema, bytes, { table: META, key });
}

export const readSeatHolder = (reader: StoreReader): ProcessName | null => readProcess(reader, SEAT_HOLDER);

export const readExecutor = (reader: StoreReader): ProcessName | null => readProcess(reader, EXECUTOR);

export const putExecutor = (writer: StoreWriter, record: ProcessName): void =>
  writer.put(META, EXECUTOR, packRecord(record));

export function readWorkerJob(reader: StoreReader, job: JobSeq): WorkerJobRecord | null {
  const key = u32Key(job);
  const bytes = reader.get(JOBS, key);
  return bytes === undefined
    ? null
    : unpackRecord(jobRecordSchema, bytes, { table: JOBS, key }, workerJobOfRow);
}

/** In the order of their numbers; also those that have ended and are not deleted yet. */
export function listWorkerJobs(reader: StoreReader): readonly WorkerJobRecord[] {
  const jobs: WorkerJobRecord[] = [];
  for (const { key, value } of reader.range(JOBS, {})) {
    jobs.push(unpackRecord(jobRecordSchema, value, { table: JOBS, key }, workerJobOfRow));
  }
  return jobs;
}

export const putWorkerJob = (writer: StoreWriter, record: WorkerJobRecord): void =>
  writer.put(JOBS, u32Key(record.job), packRecord(workerJobRow(record)));

/** Null for a task that was never dispatched. */
export const readTask = (reader: StoreReader, job: JobSeq, task: TaskIndex): TaskRecord | null =>
  findNoopEnd(reader, job, task) ?? readTaskRow(reader, job, task);

/** The record that a task has of its own, of which `readTask` says more if it has ended with others: for one that has not. */
export function readTaskRow(reader: StoreReader, job: JobSeq, task: TaskIndex): TaskRecord | null {
  const key = u32Key(job, task);
  const bytes = reader.get(TASKS, key);
  return bytes === undefined ? null : decodeTask(bytes, { table: TASKS, key });
}

export const putTask = (writer: StoreWriter, job: JobSeq, task: TaskIndex, record: TaskRecord): void =>
  writer.put(TASKS, u32Key(job, task), encodeTask(record));

export const deleteTask = (writer: StoreWriter, job: JobSeq, task: TaskIndex): void =>
  writer.delete(TASKS, u32Key(job, task));

export interface StoredTask {
  readonly task: TaskIndex;
  readonly record: TaskRecord;
}

/** Tasks in one snapshot of `eachTask`: about 5 ms. */
const TASKS_PER_SNAPSHOT = 4096;

/** At most `limit` recorded tasks of a job from `first` on, in the order of their indices. */
export function readTasks(
  reader: StoreReader,
  job: JobSeq,
  first: TaskIndex,
  limit: number,
): readonly StoredTask[] {
  const rows = readRows(reader, job, first, limit);
  const ended = new NoopEndsByTask(reader, job, first);
  return ended.task === null ? rows : [...merged(rows, ended, null)].slice(0, limit);
}

function readRows(reader: StoreReader, job: JobSeq, first: TaskIndex, limit: number): readonly StoredTask[] {
  const tasks: StoredTask[] = [];
  const { to } = keysUnder(job);
  const range = { from: u32Key(job, first), ...(to === undefined ? {} : { to }), limit };
  for (const { key, value } of reader.range(TASKS, range)) {
    tasks.push({
      task: taskIndex(keyPart(TASKS, key, 1)),
      record: decodeTask(value, { table: TASKS, key }),
    });
  }
  return tasks;
}

/** Both in the order of the tasks, up to and with `last` (null: all). Of a task that is in both, the end counts. */
function* merged(
  rows: readonly StoredTask[],
  ended: NoopEndsByTask,
  last: TaskIndex | null,
): Generator<StoredTask> {
  for (const row of rows) {
    for (let task = ended.task; task !== null && task < row.task; task = ended.task) {
      yield { task, record: ended.take() };
    }
    yield ended.task === row.task ? { task: row.task, record: ended.take() } : row;
  }
  for (let task = ended.task; task !== null && (last === null || task <= last); task = ended.task) {
    yield { task, record: ended.take() };
  }
}

/**
 * All recorded tasks of a job in the order of their indices. Each page is a snapshot of its own, so a long listing holds
 * none, and what changes meanwhile may appear in its old or new state.
 */
export function* eachTask(
  store: Store,
  job: JobSeq,
  pageTasks: number = TASKS_PER_SNAPSHOT,
): Generator<StoredTask> {
  let first = taskIndex(0);
  const ended = store.read((reader) => new NoopEndsByTask(reader, job, first));
  while (true) {
    const page = store.read((reader) => readRows(reader, job, first, pageTasks));
    const last = page.at(-1);
    const isEnd = last === undefined || page.length < pageTasks || last.task === 0xffff_ffff;
    yield* merged(page, ended, isEnd ? null : last.task);
    if (isEnd) return;
    first = taskIndex(last.task + 1);
  }
}

/** The same without those that have ended with others (`listNoopEnds`), unless they had a record of their own before. */
export function* eachRow(store: Store, job: JobSeq): Generator<StoredTask> {
  for (let first: number | null = 0; first !== null; ) {
    const from = taskIndex(first);
    const page = store.read((reader) => readRows(reader, job, from, TASKS_PER_SNAPSHOT));
    yield* page;
    const last = page.at(-1)?.task ?? 0xffff_ffff;
    first = page.length < TASKS_PER_SNAPSHOT || last === 0xffff_ffff ? null : last + 1;
  }
}

/** Gives each task of the job that has ended with others a record of its own. */
export function spreadNoopEnds(writer: StoreWriter, job: JobSeq): void {
  const ended = new NoopEndsByTask(writer, job, taskIndex(0));
  for (let task = ended.task; task !== null; task = ended.task) putTask(writer, job, task, ended.take());
  const keys = [...writer.range(NOOP_ENDS, keysUnder(job))].map(({ key }) => key);
  for (const key of keys) writer.delete(NOOP_ENDS, key);
}

/** The record of an attempt when the next one begins. */
export const putAttempt = (writer: StoreWriter, id: AttemptId, record: TaskRecord): void =>
  writer.put(ATTEMPTS, u32Key(id.job, id.task, id.attempt), encodeTask(record));

/** Whether the record of an earlier attempt is kept. */
export const hasAttempt = (reader: StoreReader, id: AttemptId): boolean =>
  reader.get(ATTEMPTS, u32Key(id.job, id.task, id.attempt)) !== undefined;

/** The earlier attempts of a task, the first one first; the latest is the task's record. */
export function listAttempts(reader: StoreReader, job: JobSeq, task: TaskIndex): readonly TaskRecord[] {
  const attempts: TaskRecord[] = [];
  for (const { key, value } of reader.range(ATTEMPTS, keysUnder(job, task))) {
    attempts.push(decodeTask(value, { table: ATTEMPTS, key }));
  }
  return attempts;
}

const outputKey = (key: AttemptOutputKey): Uint8Array =>
  u32KeyWithByte([key.job, key.task, key.attempt], key.stream);

/** Null for an attempt that wrote nothing to the stream. */
export function readOutput(reader: StoreReader, id: AttemptOutputKey): CapturedOutput | null {
  const key = outputKey(id);
  const bytes = reader.get(OUTPUTS, key);
  return bytes === undefined ? null : unpackRecord(capturedOutputSchema, bytes, { table: OUTPUTS, key });
}

export const putOutput = (writer: StoreWriter, id: AttemptOutputKey, output: CapturedOutput): void =>
  writer.put(OUTPUTS, outputKey(id), packRecord(output));

/** Outputs that one transaction looks at. */
const OUTPUTS_PER_TRANSACTION = 1000;

/** Names files of outputs below the folder `from` by their new place below `to`. Throws `fenced` as `writeFenced` does. */
export async function moveOutputs(store: Store, epoch: number, from: string, to: string): Promise<void> {
  let next: Uint8Array | null = new Uint8Array(1);
  while (next !== null) {
    const first: Uint8Array = next;
    next = writeFenced(store, epoch, (writer) => moveSomeOutputs(writer, first, from, to));
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** Returns the key with which to go on; null at the end. */
function moveSomeOutputs(
  writer: StoreWriter,
  first: Uint8Array,
  from: string,
  to: string,
): Uint8Array | null {
  const page = [...writer.range(OUTPUTS, { from: first, limit: OUTPUTS_PER_TRANSACTION })];
  const entries = page.map(({ key, value }) => ({
    key: Uint8Array.from(key),
    output: unpackRecord(capturedOutputSchema, value, { table: OUTPUTS, key }),
  }));
  for (const { key, output } of entries) {
    if (output.type !== "file" || !output.path.startsWith(`${from}/`)) continue;
    writer.put(OUTPUTS, key, packRecord({ ...output, path: to + output.path.slice(from.length) }));
  }
  const last = entries.at(-1);
  // The first key after the last one is that key with one more byte.
  return last === undefined || entries.length < OUTPUTS_PER_TRANSACTION
    ? null
    : Uint8Array.from([...last.key, 0]);
}

/** Entries that one transaction deletes, with their values read: a few milliseconds, outputs of 32 KiB included. */
const DELETIONS_PER_TRANSACTION = 1000;

/**
 * Deletes everything of a job in transactions of bounded size, with a turn of the event loop between them; its record
 * goes last, so that an interrupted deletion is found and can be repeated. Throws `fenced` as `writeFenced` does.
 */
export async function deleteWorkerJob(store: Store, epoch: number, job: JobSeq): Promise<void> {
  while (!writeFenced(store, epoch, (writer) => deleteSomeOf(writer, job))) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** True when nothing of the job is left. */
export function deleteSomeOf(writer: StoreWriter, job: JobSeq): boolean {
  let room = DELETIONS_PER_TRANSACTION;
  for (const table of [NOOP_ENDS, ...TASK_TABLES]) {
    const keys = [...writer.range(table, { ...keysUnder(job), limit: room })].map((entry) => entry.key);
    for (const key of keys) writer.delete(table, key);
    room -= keys.length;
    if (room <= 0) return false;
  }
  writer.delete(JOBS, u32Key(job));
  return true;
}
