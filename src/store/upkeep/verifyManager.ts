/** Reads every record of the manager's store, and sees whether they fit each other. */
import type { TaskCounts } from "../../../protocol/fields.ts";
import { type JobSeq, jobSeq, seatNumber } from "../../../protocol/ids.ts";
import { isFinalJobState } from "../../../protocol/states.ts";
import { decodePlan } from "../../workflow/decodePlan.ts";
import { keyPart } from "../keys.ts";
import type { JobRecord, SeatRecord } from "../managerRecords.ts";
import {
  readEnvironment,
  readHolder,
  readInstance,
  readJob,
  readNextJob,
  readSeat,
} from "../managerStore.ts";
import { readPlan } from "../plans.ts";
import type { StoreReader } from "../port.ts";
import { eachSubmissionKey } from "../submissionKeys.ts";
import type { Findings } from "./findings.ts";

export interface ManagerContents {
  readonly jobs: ReadonlyMap<JobSeq, JobRecord>;
  readonly seats: readonly SeatRecord[];
  /** Plans of submissions that never became a job; harmless. */
  readonly strayPlans: number;
}

export function verifyManager(reader: StoreReader, findings: Findings): ManagerContents {
  findings.reading(() => readInstance(reader));
  findings.reading(() => readHolder(reader));
  const jobs = readJobs(reader, findings);
  for (const job of jobs.values()) verifyJob(reader, job, findings);
  verifyKeys(reader, jobs, findings);
  return { jobs, seats: readSeats(reader, findings), strayPlans: countStrayPlans(reader, jobs) };
}

function readJobs(reader: StoreReader, findings: Findings): ReadonlyMap<JobSeq, JobRecord> {
  const nextJob = findings.reading(() => readNextJob(reader));
  const jobs = new Map<JobSeq, JobRecord>();
  for (const { key } of reader.range("jobs", {})) {
    const job = findings.reading(() => jobSeq(keyPart("jobs", key, 0)));
    const record = job === null ? null : findings.reading(() => readJob(reader, job));
    if (job === null || record === null) continue;
    jobs.set(job, record);
    if (record.job !== job) findings.add(`The record of job ${job} says that it is job ${record.job}.`);
    if (nextJob !== null && job >= nextJob)
      findings.add(`Job ${job} has a number that is still to be given.`);
  }
  return jobs;
}

function verifyJob(reader: StoreReader, record: JobRecord, findings: Findings): void {
  const { job, tasks, state } = record;
  if (sumOf(tasks) !== tasks.total)
    findings.add(`The tasks of job ${job} are ${tasks.total}, in all states together ${sumOf(tasks)}.`);
  if (isFinalJobState(state) !== (record.finishedAtMs !== null))
    findings.add(`Job ${job} is ${state} and has ${record.finishedAtMs === null ? "no" : "an"} end.`);
  const isThere = findings.reading(() => readEnvironment(reader, job) !== null);
  if (isThere === false) findings.add(`Job ${job} has no environment.`);
  const bytes = findings.reading(() => readPlan(reader, job) ?? "none");
  if (bytes === "none") findings.add(`Job ${job} has no plan.`);
  if (bytes === null || bytes === "none") return;
  const plan = findings.reading(() => decodePlan(bytes));
  if (plan !== null && plan.graph.taskCount !== tasks.total)
    findings.add(`The plan of job ${job} has ${plan.graph.taskCount} tasks, its record ${tasks.total}.`);
}

export const sumOf = (tasks: TaskCounts): number =>
  Object.values(tasks).reduce((sum, count) => sum + count, 0) - tasks.total;

function verifyKeys(reader: StoreReader, jobs: ReadonlyMap<JobSeq, JobRecord>, findings: Findings): void {
  for (const read of eachSubmissionKey(reader)) {
    const found = findings.reading(read);
    if (found !== null && !jobs.has(found.job))
      findings.add(`The key "${found.key}" is of job ${found.job}, which is gone.`);
  }
}

function readSeats(reader: StoreReader, findings: Findings): readonly SeatRecord[] {
  const seats: SeatRecord[] = [];
  for (const { key } of reader.range("seats", {})) {
    const record = findings.reading(() => readSeat(reader, seatNumber(keyPart("seats", key, 0))));
    if (record !== null) seats.push(record);
  }
  return seats;
}

/** A plan is written before its job: what was not accepted stays behind. */
function countStrayPlans(reader: StoreReader, jobs: ReadonlyMap<JobSeq, JobRecord>): number {
  const stray = new Set<number>();
  for (const { key } of reader.range("plans", {})) {
    const job = jobSeq(keyPart("plans", key, 0));
    if (!jobs.has(job)) stray.add(job);
  }
  return stray.size;
}
