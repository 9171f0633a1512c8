/**
 * The records of jobs as msgpack arrays, their fields in a fixed order (append only): a third of the bytes, and of the time, that names
 * would take. Each job has five of them written. Older stores have objects with names, which are read as they are.
 */
import type { TaskCounts } from "../../protocol/fields.ts";
import type { JobRecord } from "./managerRecords.ts";
import type { WorkerJobRecord } from "./workerRecords.ts";

type Row = readonly unknown[];

export const jobRow = (record: JobRecord): Row => [
  record.job,
  record.name,
  record.state,
  record.round,
  record.planRound,
  record.priority,
  record.directory,
  record.source,
  record.createdAtMs,
  record.startedAtMs,
  record.finishedAtMs,
  record.seat,
  record.cancelRequested,
  record.pause,
  record.parked,
  countsRow(record.tasks),
  record.detail,
];

/** What the array says, to be checked like any record. */
export const jobOfRow = (row: Row): { readonly [Field in keyof JobRecord]: unknown } => ({
  job: row[0],
  name: row[1],
  state: row[2],
  round: row[3],
  planRound: row[4],
  priority: row[5],
  directory: row[6],
  source: row[7],
  createdAtMs: row[8],
  startedAtMs: row[9],
  finishedAtMs: row[10],
  seat: row[11],
  cancelRequested: row[12],
  pause: row[13],
  parked: row[14],
  tasks: countsOfRow(row[15]),
  detail: row[16],
});

export const workerJobRow = (record: WorkerJobRecord): Row => [
  record.job,
  record.round,
  record.planRound,
  record.attemptFloor,
  record.priority,
  record.state,
  record.cancelRequested,
  record.pause,
  record.parked,
  record.suspendedMs,
  record.suspendedSinceMs,
  record.seq,
  countsRow(record.tasks),
  record.finishedAtMs,
  record.detail,
];

/** As `jobOfRow`. */
export const workerJobOfRow = (row: Row): { readonly [Field in keyof WorkerJobRecord]: unknown } => ({
  job: row[0],
  round: row[1],
  planRound: row[2],
  attemptFloor: row[3],
  priority: row[4],
  state: row[5],
  cancelRequested: row[6],
  pause: row[7],
  parked: row[8],
  suspendedMs: row[9],
  suspendedSinceMs: row[10],
  seq: row[11],
  tasks: countsOfRow(row[12]),
  finishedAtMs: row[13],
  detail: row[14],
});

const countsRow = (tasks: TaskCounts): Row => [
  tasks.total,
  tasks.waiting,
  tasks.ready,
  tasks.running,
  tasks.backoff,
  tasks.succeeded,
  tasks.failed,
  tasks.cancelled,
  tasks.skipped,
];

const countsOfRow = (row: unknown): unknown =>
  Array.isArray(row)
    ? ({
        total: row[0],
        waiting: row[1],
        ready: row[2],
        running: row[3],
        backoff: row[4],
        succeeded: row[5],
        failed: row[6],
        cancelled: row[7],
        skipped: row[8],
      } satisfies { readonly [Field in keyof TaskCounts]: unknown })
    : row;
