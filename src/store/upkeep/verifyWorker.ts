/** Reads every record of a seat's store, and sees whether they fit each other and the queue. */
import { existsSync } from "node:fs";
import { type JobSeq, jobSeq, type SeatNumber, taskIndex } from "../../../protocol/ids.ts";
import { isFinalJobState } from "../../../protocol/states.ts";
import { keyPart } from "../keys.ts";
import { decodeNoopEnds, NOOP_ENDS } from "../noopEnds.ts";
import type { StoreReader } from "../port.ts";
import { decodeTask } from "../taskCodec.ts";
import { STREAM_STDERR, STREAM_STDOUT, type TaskState, type WorkerJobRecord } from "../workerRecords.ts";
import { readEpoch, readExecutor, readOutput, readSeatHolder, readWorkerJob } from "../workerStore.ts";
import type { Findings } from "./findings.ts";
import { type ManagerContents, sumOf } from "./verifyManager.ts";

type StateCounts = Map<TaskState, number>;

/** `manager` was read before; null where that store cannot be. Returns the number of jobs. */
export function verifyWorker(
  reader: StoreReader,
  seat: SeatNumber,
  manager: ManagerContents | null,
  findings: Findings,
): number {
  verifyHolder(reader, seat, manager, findings);
  const jobs = readJobs(reader, findings);
  const counts = countTasks(reader, jobs, findings);
  verifyAttempts(reader, jobs, findings);
  verifyOutputs(reader, jobs, findings);
  for (const record of jobs.values()) {
    verifyJob(record, counts.get(record.job) ?? new Map<TaskState, number>(), findings);
    if (manager !== null) compareWithQueue(record, seat, manager, findings);
  }
  for (const record of manager?.jobs.values() ?? []) {
    const isMissing = record.seat === seat && isFinalJobState(record.state) && record.startedAtMs !== null;
    if (isMissing && !jobs.has(record.job))
      findings.add(`The tasks of job ${record.job} are not in the store.`);
  }
  return jobs.size;
}

function verifyHolder(
  reader: StoreReader,
  seat: SeatNumber,
  manager: ManagerContents | null,
  findings: Findings,
): void {
  findings.reading(() => readSeatHolder(reader));
  findings.reading(() => readExecutor(reader));
  const epoch = findings.reading(() => readEpoch(reader));
  const known = manager?.seats.find((record) => record.seat === seat)?.epoch;
  // The manager gives the epoch, and writes it first. It was read first, so a QWorker that has come since is no fault.
  if (epoch !== null && known !== undefined && epoch > known + 1)
    findings.add(`Its epoch is ${epoch}, the manager has given ${known}.`);
}

function readJobs(reader: StoreReader, findings: Findings): ReadonlyMap<JobSeq, WorkerJobRecord> {
  const jobs = new Map<JobSeq, WorkerJobRecord>();
  for (const { key } of reader.range("jobs", {})) {
    const job = findings.reading(() => jobSeq(keyPart("jobs", key, 0)));
    const record = job === null ? null : findings.reading(() => readWorkerJob(reader, job));
    if (job === null || record === null) continue;
    jobs.set(job, record);
    if (record.job !== job) findings.add(`The record of job ${job} says that it is job ${record.job}.`);
  }
  return jobs;
}

function countTasks(
  reader: StoreReader,
  jobs: ReadonlyMap<JobSeq, WorkerJobRecord>,
  findings: Findings,
): ReadonlyMap<JobSeq, StateCounts> {
  const counts = new Map<JobSeq, StateCounts>();
  const count = (job: JobSeq, task: number, state: TaskState): void => {
    const total = jobs.get(job)?.tasks.total;
    if (total === undefined) findings.add(`Task ${task} is of job ${job}, which has no record.`);
    else if (task >= total) findings.add(`Job ${job} has ${total} tasks, and a record of task ${task}.`);
    const states = counts.get(job) ?? new Map<TaskState, number>();
    states.set(state, (states.get(state) ?? 0) + 1);
    counts.set(job, states);
  };
  const endedTogether = countNoopEnds(reader, count, findings);
  for (const { key, value } of reader.range("tasks", {})) {
    const record = findings.reading(() => decodeTask(value, { table: "tasks", key }));
    const [job, task] = [jobSeq(keyPart("tasks", key, 0)), keyPart("tasks", key, 1)];
    if (record !== null && endedTogether.get(job)?.has(task) !== true) count(job, task, record.state);
  }
  return counts;
}

/** Counts the noops that ended together; returns those of each job. */
function countNoopEnds(
  reader: StoreReader,
  count: (job: JobSeq, task: number, state: TaskState) => void,
  findings: Findings,
): ReadonlyMap<JobSeq, ReadonlySet<number>> {
  const found = new Map<JobSeq, Set<number>>();
  for (const { key, value } of reader.range(NOOP_ENDS, {})) {
    const ends = findings.reading(() => decodeNoopEnds(value, { table: NOOP_ENDS, key }));
    if (ends === null) continue;
    const job = jobSeq(keyPart(NOOP_ENDS, key, 0));
    const tasks = found.get(job) ?? new Set<number>();
    for (const task of ends.tasks) {
      if (tasks.has(task)) findings.add(`Task ${task} of job ${job} has ended twice.`);
      tasks.add(task);
      count(job, task, "succeeded");
    }
    found.set(job, tasks);
  }
  return found;
}

function verifyAttempts(
  reader: StoreReader,
  jobs: ReadonlyMap<JobSeq, WorkerJobRecord>,
  findings: Findings,
): void {
  for (const { key, value } of reader.range("attempts", {})) {
    const record = findings.reading(() => decodeTask(value, { table: "attempts", key }));
    if (record === null) continue;
    const [job, task, attempt] = [0, 1, 2].map((part) => keyPart("attempts", key, part));
    if (!jobs.has(jobSeq(job ?? 0))) findings.add(`An attempt is of job ${job}, which has no record.`);
    if (record.attempt !== attempt)
      findings.add(
        `Attempt ${attempt} of task ${task} of job ${job} says that it is attempt ${record.attempt}.`,
      );
  }
}

function verifyOutputs(
  reader: StoreReader,
  jobs: ReadonlyMap<JobSeq, WorkerJobRecord>,
  findings: Findings,
): void {
  for (const { key } of reader.range("outputs", {})) {
    const [job = 0, task = 0, attempt = 0] = [0, 1, 2].map((part) => keyPart("outputs", key, part));
    const stream = key[key.length - 1] === STREAM_STDERR ? STREAM_STDERR : STREAM_STDOUT;
    const id = { job: jobSeq(job), task: taskIndex(task), attempt, stream } as const;
    const output = findings.reading(() => readOutput(reader, id));
    if (output === null) continue;
    if (!jobs.has(id.job)) findings.add(`An output is of job ${job}, which has no record.`);
    if (output.type === "file" && !existsSync(output.path))
      findings.add(`The output of task ${task} of job ${job} is gone: there is no file ${output.path}.`);
  }
}

/** While a job runs its record may be a few tasks behind. */
function verifyJob(record: WorkerJobRecord, counts: StateCounts, findings: Findings): void {
  const { job, tasks, state } = record;
  if (sumOf(tasks) !== tasks.total)
    findings.add(`The tasks of job ${job} are ${tasks.total}, in all states together ${sumOf(tasks)}.`);
  if (!isFinalJobState(state)) return;
  for (const name of ["succeeded", "failed"] as const) {
    const counted = counts.get(name) ?? 0;
    if (counted !== tasks[name])
      findings.add(`Job ${job} has ended with ${tasks[name]} tasks ${name}, and ${counted} are recorded.`);
  }
  const open = (counts.get("running") ?? 0) + (counts.get("backoff") ?? 0);
  if (open > 0) findings.add(`Job ${job} has ended, and ${open} of its tasks have not.`);
}

function compareWithQueue(
  worker: WorkerJobRecord,
  seat: SeatNumber,
  manager: ManagerContents,
  findings: Findings,
): void {
  const record = manager.jobs.get(worker.job);
  // It came after the queue was read, or is about to be deleted.
  if (record === undefined || record.round !== worker.round) return;
  if (record.seat !== seat)
    findings.add(`Job ${worker.job} is of seat ${record.seat ?? "none"} in the queue.`);
  if (!isFinalJobState(record.state)) return;
  const isSame = record.state === worker.state && record.tasks.succeeded === worker.tasks.succeeded;
  if (!isSame)
    findings.add(
      `Job ${worker.job} is ${worker.state} with ${worker.tasks.succeeded} tasks succeeded, in the queue ` +
        `${record.state} with ${record.tasks.succeeded}.`,
    );
}
