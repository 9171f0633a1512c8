/** Writes the `record…` effects of a step in one transaction that checks the epoch. */
import type { JobSeq, TaskIndex } from "../protocol/ids.ts";
import { putNoopEnds } from "../src/store/noopEnds.ts";
import type { Store, StoreWriter } from "../src/store/port.ts";
import {
  hasAttempt,
  putAttempt,
  putOutput,
  putTask,
  putWorkerJob,
  readTaskRow,
  writeFenced,
} from "../src/store/workerStore.ts";
import { STREAM_STDERR, STREAM_STDOUT } from "../src/store/workerRecords.ts";
import type { WorkerEffect } from "./core/events.ts";

/** Throws `storeFull` (write again later) or `fenced` (this process has to go); then nothing is written. */
export function persist(store: Store, epoch: number, effects: readonly WorkerEffect[]): void {
  if (!effects.some(isRecord)) return;
  writeFenced(store, epoch, (writer) => {
    for (const effect of effects) write(writer, effect);
  });
}

const isRecord = ({ type }: WorkerEffect): boolean =>
  type === "recordTask" ||
  type === "recordNoopEnds" ||
  type === "recordOutputs" ||
  type === "recordJob" ||
  type === "archiveAttempt";

function write(writer: StoreWriter, effect: WorkerEffect): void {
  switch (effect.type) {
    case "recordTask":
      return putTask(writer, effect.job, effect.task, effect.record);
    case "recordNoopEnds":
      return putNoopEnds(writer, effect.job, effect.ends);
    case "archiveAttempt":
      return archive(writer, effect.job, effect.task);
    case "recordJob":
      return putWorkerJob(writer, effect.record);
    case "recordOutputs": {
      const { job, task, attempt, stdout, stderr } = effect;
      if (stdout !== null) putOutput(writer, { job, task, attempt, stream: STREAM_STDOUT }, stdout);
      if (stderr !== null) putOutput(writer, { job, task, attempt, stream: STREAM_STDERR }, stderr);
      return;
    }
    default:
      return;
  }
}

/** An attempt that waits for its repetition has failed; as an earlier attempt that is its state. */
function archive(writer: StoreWriter, job: JobSeq, task: TaskIndex): void {
  // Not `readTask`: one that has ended with others in this round has no further attempt in it.
  const record = readTaskRow(writer, job, task);
  if (record === null || record.attempt === 0) return;
  // After a withdrawal the latest record repeats the number of the attempt before it, which is kept already.
  if (hasAttempt(writer, { job, task, attempt: record.attempt })) return;
  const state = record.state === "backoff" ? "failed" : record.state;
  putAttempt(writer, { job, task, attempt: record.attempt }, { ...record, state, retryAtMs: null });
}
