/**
 * Opens the next round of a job in the seat's store: what keeps its end stays as it is, everything else waits again, and its last
 * attempt is kept with the earlier ones. One transaction, so that a job is in one round or in the next.
 *
 * A corrected document may number the tasks anew; their records, attempts and outputs then move to the new numbers. From then on
 * attempts are numbered above all that there were: no name of an attempt, and no file of its output, is ever given twice.
 */
import { type JobSeq, type TaskIndex, taskIndex } from "../protocol/ids.ts";
import { renumberTasks } from "../src/store/renumber.ts";
import type { Store, StoreWriter } from "../src/store/port.ts";
import { NOTHING_RECORDED, type TaskRecord, type WorkerJobRecord } from "../src/store/workerRecords.ts";
import {
  deleteTask,
  eachTask,
  hasAttempt,
  putAttempt,
  putTask,
  putWorkerJob,
  readTasks,
  spreadNoopEnds,
  writeFenced,
} from "../src/store/workerStore.ts";
import { type Carried, carryOver, NO_TASK } from "../src/workflow/carry.ts";
import type { Plan } from "../src/workflow/plan.ts";

export interface Round {
  readonly round: number;
  /** The round whose plan counts. */
  readonly planRound: number;
  readonly plan: Plan;
  /** By which the records are numbered; the same object if the plan has not changed. */
  readonly before: Plan;
}

/** Returns the record of the job in its new round. Throws `fenced` and `storeFull`; then nothing has changed. */
export function openRound(
  store: Store,
  epoch: number,
  progress: WorkerJobRecord,
  { round, planRound, plan, before }: Round,
): WorkerJobRecord {
  const { job } = progress;
  const keepable = new Uint8Array(before.graph.taskCount);
  let attemptMax = progress.attemptFloor;
  for (const { task, record } of eachTask(store, job)) {
    if (isKeepable(record)) keepable[task] = 1;
    attemptMax = Math.max(attemptMax, record.attempt);
  }
  const carried = carryOver(before, plan, keepable);
  const opened: WorkerJobRecord = {
    ...progress,
    round,
    planRound,
    attemptFloor: carried.isSameShape ? progress.attemptFloor : attemptMax,
    state: "running",
    cancelRequested: false,
    pause: "off",
    parked: false,
    suspendedMs: 0,
    suspendedSinceMs: null,
    finishedAtMs: null,
    detail: null,
  };
  writeFenced(store, epoch, (writer) => {
    spreadNoopEnds(writer, job);
    if (!carried.isSameShape) {
      renumberTasks(writer, job, newNumbers(before, carried), plan.graph.taskCount);
    }
    reopenTasks(writer, job, carried.kept);
    putWorkerJob(writer, opened);
  });
  return opened;
}

/** Where its `when` did not occur, a task has ended as it would again. */
const isKeepable = ({ state, reason }: TaskRecord): boolean =>
  state === "succeeded" || (state === "skipped" && reason?.type === "notNeeded");

/** By their numbers before; NO_TASK for those that there are no more. */
function newNumbers(before: Plan, { earlier }: Carried): Uint32Array {
  const numbers = new Uint32Array(before.graph.taskCount).fill(NO_TASK);
  for (const [task, known] of earlier.entries()) if (known !== NO_TASK) numbers[known] = task;
  return numbers;
}

/** Tasks read at a time. */
const TASKS_PER_PAGE = 4096;

function reopenTasks(writer: StoreWriter, job: JobSeq, kept: Uint8Array): void {
  let first = 0;
  for (;;) {
    const page = readTasks(writer, job, taskIndex(first), TASKS_PER_PAGE);
    for (const { task, record } of page) if (kept[task] !== 1) reopenTask(writer, job, task, record);
    const last = page.at(-1);
    if (last === undefined || page.length < TASKS_PER_PAGE) return;
    first = last.task + 1;
  }
}

function reopenTask(writer: StoreWriter, job: JobSeq, task: TaskIndex, record: TaskRecord): void {
  const { attempt } = record;
  // It has never begun: nothing is to be kept of how it ended.
  if (attempt === 0) return deleteTask(writer, job, task);
  const id = { job, task, attempt };
  if (!hasAttempt(writer, id)) putAttempt(writer, id, record);
  putTask(writer, job, task, { ...NOTHING_RECORDED, state: "waiting", attempt });
}
