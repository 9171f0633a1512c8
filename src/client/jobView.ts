/** A job as readers see it: the queue's record, with what the QWorker that runs it knows better. */
import { isFinalJobState } from "../../protocol/states.ts";
import type { JobRecord } from "../store/managerRecords.ts";
import type { WorkerJobRecord } from "../store/workerRecords.ts";

/** A job as it is now. */
export type JobView = JobRecord;

/** The queue's record with what the QWorker knows better. */
export function mergeJob(record: JobRecord, worker: WorkerJobRecord): JobView {
  const isFinal = isFinalJobState(worker.state);
  return {
    ...record,
    state: isFinal ? worker.state : record.state,
    finishedAtMs: isFinal ? worker.finishedAtMs : record.finishedAtMs,
    cancelRequested: record.cancelRequested || worker.cancelRequested,
    tasks: worker.tasks,
    detail: worker.detail ?? record.detail,
  };
}
