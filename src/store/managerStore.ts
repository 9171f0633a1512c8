/**
 * The manager's store by record: see managerRecords for the tables. Everything takes the reader or writer of a
 * transaction, so that callers decide what belongs together. Absent is null; unreadable throws `storeDamaged`.
 */
import * as v from "valibot";
import { assert } from "../../protocol/errors.ts";
import {
  countField,
  type JobState,
  jobField,
  jobStateSchema,
  pauseModeSchema,
  seatField,
  taskCountsSchema,
  wallMsField,
} from "../../protocol/fields.ts";
import { type JobSeq, jobSeq, type SeatNumber } from "../../protocol/ids.ts";
import { type JobEnvironment, jobEnvironmentSchema } from "../../protocol/workerLink.ts";
import { jobOfRow, jobRow } from "./jobRows.ts";
import { u32Key, wordKey } from "./keys.ts";
import type { HolderRecord, JobRecord, SeatRecord } from "./managerRecords.ts";
import type { StoreReader, StoreWriter } from "./port.ts";
import { processFields } from "./processFields.ts";
import { damagedRecord, packRecord, packU32, unpackRecord, unpackU32 } from "./record.ts";

const jobRecordSchema: v.GenericSchema<unknown, JobRecord> = v.strictObject({
  job: jobField,
  name: v.string(),
  state: jobStateSchema,
  round: countField,
  planRound: v.optional(countField, 1),
  priority: v.number(),
  directory: v.string(),
  source: v.string(),
  createdAtMs: wallMsField,
  startedAtMs: v.nullable(wallMsField),
  finishedAtMs: v.nullable(wallMsField),
  seat: v.nullable(seatField),
  cancelRequested: v.boolean(),
  pause: v.optional(pauseModeSchema, "off"),
  parked: v.optional(v.nullable(v.strictObject({ untilMs: v.nullable(wallMsField) })), null),
  tasks: taskCountsSchema,
  detail: v.nullable(v.string()),
});

const seatRecordSchema: v.GenericSchema<unknown, SeatRecord> = v.strictObject({
  seat: seatField,
  epoch: countField,
  ...processFields,
});

const holderRecordSchema: v.GenericSchema<unknown, HolderRecord> = v.strictObject({
  pid: countField,
  startTime: v.string(),
  bootId: v.string(),
  epoch: countField,
  packageVersion: v.string(),
  startedAtMs: wallMsField,
  leaving: v.boolean(),
});

const META = "meta";
const JOBS = "jobs";
const ENVIRONMENTS = "environments";
const SEATS = "seats";

const INSTANCE = wordKey("instance");
const HOLDER = wordKey("holder");
const NEXT_JOB = wordKey("nextJob");

function readRecord<Output>(
  reader: StoreReader,
  schema: v.GenericSchema<unknown, Output>,
  table: string,
  key: Uint8Array,
  ofRow: ((row: readonly unknown[]) => unknown) | null = null,
): Output | null {
  const bytes = reader.get(table, key);
  return bytes === undefined ? null : unpackRecord(schema, bytes, { table, key }, ofRow);
}

export const readJob = (reader: StoreReader, job: JobSeq): JobRecord | null =>
  readRecord(reader, jobRecordSchema, JOBS, u32Key(job), jobOfRow);

export const putJob = (writer: StoreWriter, record: JobRecord): void =>
  writer.put(JOBS, u32Key(record.job), packRecord(jobRow(record)));

export interface JobListOptions {
  /** At most so many; a listing that wants all goes on with `before`. */
  readonly limit: number;
  /** Only jobs with a lower number: the last one of the page before. */
  readonly before?: JobSeq;
  /** Only jobs in one of these states. */
  readonly states?: readonly JobState[];
}

/** The newest first. */
export function listJobs(reader: StoreReader, options: JobListOptions): readonly JobRecord[] {
  const jobs: JobRecord[] = [];
  if (options.limit <= 0) return jobs;
  const to = options.before === undefined ? {} : { to: u32Key(options.before) };
  for (const { key, value } of reader.range(JOBS, { ...to, reverse: true })) {
    const record = unpackRecord(jobRecordSchema, value, { table: JOBS, key }, jobOfRow);
    if (options.states !== undefined && !options.states.includes(record.state)) continue;
    jobs.push(record);
    if (jobs.length >= options.limit) break;
  }
  return jobs;
}

export const readEnvironment = (reader: StoreReader, job: JobSeq): JobEnvironment | null =>
  readRecord(reader, jobEnvironmentSchema, ENVIRONMENTS, u32Key(job));

export const putEnvironment = (writer: StoreWriter, job: JobSeq, environment: JobEnvironment): void =>
  writer.put(ENVIRONMENTS, u32Key(job), packRecord(environment));

export const deleteEnvironment = (writer: StoreWriter, job: JobSeq): void =>
  writer.delete(ENVIRONMENTS, u32Key(job));

export const deleteJob = (writer: StoreWriter, job: JobSeq): void => writer.delete(JOBS, u32Key(job));

export const readSeat = (reader: StoreReader, seat: SeatNumber): SeatRecord | null =>
  readRecord(reader, seatRecordSchema, SEATS, u32Key(seat));

/** In the order of their numbers. */
export function listSeats(reader: StoreReader): readonly SeatRecord[] {
  const seats: SeatRecord[] = [];
  for (const { key, value } of reader.range(SEATS, {})) {
    seats.push(unpackRecord(seatRecordSchema, value, { table: SEATS, key }));
  }
  return seats;
}

export const putSeat = (writer: StoreWriter, record: SeatRecord): void =>
  writer.put(SEATS, u32Key(record.seat), packRecord(record));

export const readHolder = (reader: StoreReader): HolderRecord | null =>
  readRecord(reader, holderRecordSchema, META, HOLDER);

export const putHolder = (writer: StoreWriter, record: HolderRecord): void =>
  writer.put(META, HOLDER, packRecord(record));

/** The number that the next job will get; the first job is number 1. */
export function readNextJob(reader: StoreReader): JobSeq {
  const bytes = reader.get(META, NEXT_JOB);
  return jobSeq(bytes === undefined ? 1 : unpackU32(bytes, { table: META, key: NEXT_JOB }));
}

/**
 * Reserves the numbers for these jobs: no later transaction, and no later manager, gives them again, also when a job is never
 * queued. Throws `internal` when a job has one already.
 */
export function reserveJobNumbers(writer: StoreWriter, jobs: readonly JobSeq[]): void {
  for (const job of jobs) assert(readJob(writer, job) === null, `job number ${job} is given once`);
  raiseNextJob(writer, Math.max(...jobs) + 1);
}

/** No job gets a number below this one from now on. */
export function raiseNextJob(writer: StoreWriter, number: number): void {
  writer.put(META, NEXT_JOB, packU32(Math.max(readNextJob(writer), number)));
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The uuid that tells this state folder's processes from those of all others. */
export function readInstance(reader: StoreReader): string | null {
  const bytes = reader.get(META, INSTANCE);
  if (bytes === undefined) return null;
  const instance = Buffer.from(bytes).toString("latin1");
  if (!UUID.test(instance)) throw damagedRecord({ table: META, key: INSTANCE }, "it is no uuid");
  return instance;
}

/** Writes `fresh` into a store that has none; returns the one that the store has from then on. */
export function ensureInstance(writer: StoreWriter, fresh: string): string {
  const known = readInstance(writer);
  if (known !== null) return known;
  writer.put(META, INSTANCE, Buffer.from(fresh, "latin1"));
  return fresh;
}

/** For a state that was copied: it must not be taken for the one that it was copied from. */
export const replaceInstance = (writer: StoreWriter, fresh: string): void =>
  writer.put(META, INSTANCE, Buffer.from(fresh, "latin1"));
