/** The tasks of one job, read from the store of its seat; names and limits come from its plan. */
import type { Usage } from "../../protocol/executorLink.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import { type TaskIndex, taskIndex } from "../../protocol/ids.ts";
import type { Store } from "../store/port.ts";
import { NOTHING_RECORDED, type TaskRecord, type TaskState } from "../store/workerRecords.ts";
import { eachTask, listAttempts, readTask, readTasks, type StoredTask } from "../store/workerStore.ts";
import type { Plan } from "../workflow/plan.ts";
import type { JobView } from "./jobView.ts";
import {
  classOfTask,
  computeReadiness,
  definitionOf,
  ENDED_BADLY,
  ENDED_WELL,
  NOT_ENDED,
  NOT_NEEDED,
  type Readiness,
} from "./readiness.ts";
import { describeReason } from "./reason.ts";

export interface AttemptView {
  /** From 1; 0 where there was none. */
  readonly attempt: number;
  readonly state: TaskState;
  /** As described by `describeReason`; null where the state says it all. */
  readonly reason: string | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
  readonly usage: Usage | null;
  readonly node: string | null;
}

/** A task with its latest attempt. */
export interface TaskView extends AttemptView {
  readonly task: TaskIndex;
  readonly name: string;
  /** Attempts that it may have by its `retry`; those that were lost with their executor come on top. */
  readonly attemptsMax: number;
  readonly startedSeq: number | null;
  readonly finishedSeq: number | null;
}

function endOf({ state, reason }: TaskRecord): number {
  switch (state) {
    case "succeeded":
      return ENDED_WELL;
    case "failed":
    case "cancelled":
      return ENDED_BADLY;
    case "skipped":
      return reason?.type === "notNeeded" ? NOT_NEEDED : ENDED_BADLY;
    default:
      return NOT_ENDED;
  }
}

export const isFinalTaskState = (state: TaskState): boolean =>
  state === "succeeded" || state === "failed" || state === "cancelled" || state === "skipped";

/** A task that waits in a later round has a record: of the number of its last attempt. */
const hasBegun = (record: TaskRecord | null): boolean => record !== null && record.state !== "waiting";

/** Of a task that waits: an attempt that was sent to follow another is none yet. */
function attemptsBefore(record: TaskRecord | null): number {
  if (record === null) return 0;
  return record.reason?.type === "follows" ? record.attempt - 1 : record.attempt;
}

/** Records that are read at a time. */
const PAGE_TASKS = 4096;

export class JobTasks {
  readonly job: JobView;
  readonly #plan: Plan;
  #computed: { readonly readiness: Readiness | null } | null = null;
  /** Null while no QWorker has had the job: then nothing was dispatched. */
  readonly #store: Store | null;

  constructor(job: JobView, plan: Plan, store: Store | null) {
    this.job = job;
    this.#plan = plan;
    this.#store = store;
  }

  get count(): number {
    return this.#plan.graph.taskCount;
  }

  nameOf(task: TaskIndex): string {
    return this.#plan.taskName(task);
  }

  /** The task of this name, `name[i]` for the element of an array; null when there is none. */
  find(name: string): TaskIndex | null {
    const task = this.#plan.findTask(name);
    return task === null ? null : taskIndex(task);
  }

  /** All elements of the array of this name, in their order; empty when there is none. */
  elements(name: string): readonly TaskIndex[] {
    const first = this.#plan.findTask(`${name}[1]`);
    if (first === null) return [];
    const { firstTask } = this.#plan.graph;
    const end = firstTask[definitionOf(this.#plan.graph, first) + 1] ?? first;
    return Array.from({ length: end - first }, (_, element) => taskIndex(first + element));
  }

  /** `task` is below `count`. */
  task(task: TaskIndex): TaskView {
    const record = this.#store?.read((reader) => readTask(reader, this.job.job, task)) ?? null;
    return this.#view(task, record, hasBegun(record) ? null : this.#readiness());
  }

  /** All tasks in the order of the document; one pass over the store, two while the job still runs. */
  *each(): Generator<TaskView> {
    const readiness = this.#readiness();
    let next = 0;
    for (const { task, record } of this.recorded()) {
      for (; next < task; next += 1) yield this.#view(taskIndex(next), null, readiness);
      // A task beyond the plan would be a damaged store, and has no name.
      if (task >= this.count) return;
      yield this.#view(task, record, hasBegun(record) ? null : readiness);
      next = task + 1;
    }
    for (; next < this.count; next += 1) yield this.#view(taskIndex(next), null, readiness);
  }

  /** Tasks that were dispatched or have ended, in the order of the document; cheaper than `each`. */
  *recorded(): Generator<{ readonly task: TaskIndex; readonly record: TaskRecord }> {
    if (this.#store !== null) yield* eachTask(this.#store, this.job.job);
  }

  /** The next `limit` of these from the task `first` on, in one snapshot. */
  recordedFrom(first: TaskIndex, limit: number): readonly StoredTask[] {
    return this.#store?.read((reader) => readTasks(reader, this.job.job, first, limit)) ?? [];
  }

  /** Those from `first` on, up to `end`. */
  *recordedBetween(first: number, end: number): Generator<StoredTask> {
    for (let next = first; next < end; ) {
      const page = this.recordedFrom(taskIndex(next), PAGE_TASKS);
      for (const found of page) if (found.task < end) yield found;
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE_TASKS) return;
      next = last.task + 1;
    }
  }

  /** The task was sent to its TaskExecutor, and has not started. */
  isHandedOn(task: TaskIndex): boolean {
    const [found] = this.recordedFrom(task, 1);
    return found?.task === task && found.record.state === "ready" && found.record.reason === null;
  }

  /** When a task in backoff is repeated. */
  retryAtMs(task: TaskIndex): number | null {
    const [found] = this.recordedFrom(task, 1);
    return found?.task === task ? found.record.retryAtMs : null;
  }

  /** The view of a record that `recorded` gave. */
  view(task: TaskIndex, record: TaskRecord): TaskView {
    return this.#view(task, record, null);
  }

  /** All attempts of a task that there were, the latest last. */
  attempts(task: TaskIndex): readonly AttemptView[] {
    const { job } = this.job;
    if (this.#store === null) return [];
    const records = this.#store.read((reader) => {
      const found = readTask(reader, job, task);
      // One that waits in a later round has its last attempt among the earlier ones.
      const latest = hasBegun(found) ? found : null;
      const earlier = listAttempts(reader, job, task).filter(({ attempt }) => attempt !== latest?.attempt);
      return latest === null ? earlier : [...earlier, latest];
    });
    return records.filter(({ attempt }) => attempt > 0).map((record) => this.#attempt(record));
  }

  #view(task: TaskIndex, record: TaskRecord | null, readiness: Readiness | null): TaskView {
    const found: TaskRecord =
      record !== null && hasBegun(record)
        ? record
        : {
            ...NOTHING_RECORDED,
            attempt: attemptsBefore(record),
            state: readiness?.isReady(task) === true ? "ready" : "waiting",
          };
    return {
      ...this.#attempt(found),
      task,
      name: this.#plan.taskName(task),
      attemptsMax: this.#attemptsMax(task),
      startedSeq: found.startedSeq,
      finishedSeq: found.finishedSeq,
    };
  }

  #attempt(record: TaskRecord): AttemptView {
    const { reason } = record;
    return {
      attempt: record.attempt,
      state: record.state,
      reason: reason === null ? null : describeReason(reason, (task) => this.#plan.taskName(task)),
      exitCode: record.exitCode,
      signal: record.signal,
      startedAtMs: record.startedAtMs,
      finishedAtMs: record.finishedAtMs,
      usage: record.usage,
      node: record.node,
    };
  }

  #attemptsMax(task: number): number {
    return classOfTask(this.#plan.graph, task).retry.limit + 1;
  }

  /** As of the first call: a view of single tasks shall not read all of them for each. */
  #readiness(): Readiness | null {
    this.#computed ??= { readiness: this.#computeReadiness() };
    return this.#computed.readiness;
  }

  /** Null where every task has a record, or none of them will ever start. */
  #computeReadiness(): Readiness | null {
    const { state, tasks } = this.job;
    if (isFinalJobState(state) || tasks.waiting + tasks.ready === 0) return null;
    const ends = new Uint8Array(this.count);
    for (const { task, record } of this.recorded()) if (task < this.count) ends[task] = endOf(record);
    return computeReadiness(this.#plan.graph, ends);
  }
}
