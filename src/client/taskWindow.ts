/**
 * The tasks of a job that were dispatched and that a reader has not done with, found again and again while the job runs.
 *
 * Tasks are dispatched about in their order, so these lie in a window between the first that is not done and the last that
 * was dispatched; only that is read at each look, however many tasks the job has.
 */
import { taskIndex } from "../../protocol/ids.ts";
import type { StoredTask } from "../store/workerStore.ts";
import type { JobTasks } from "./readTasks.ts";

/** Tasks read at once. */
const PAGE_TASKS = 512;

export class TaskWindow {
  readonly #end: number;
  readonly #from: number;
  /** Everything before it is done. */
  #first: number;
  /** From `#from` on, a byte for each task. */
  readonly #done: Uint8Array;

  /** Over the tasks from `from` to before `end`. */
  constructor(from: number, end: number) {
    this.#from = from;
    this.#first = from;
    this.#end = end;
    this.#done = new Uint8Array(end - from);
  }

  /** The first task that is not done. */
  get first(): number {
    return this.#first;
  }

  get isDone(): boolean {
    return this.#first >= this.#end;
  }

  /** In their order. Each page is a snapshot of its own; tasks may be done meanwhile. */
  *dispatched(tasks: JobTasks): Generator<StoredTask> {
    let from = this.#first;
    while (from < this.#end) {
      const page = tasks.recordedFrom(taskIndex(from), PAGE_TASKS);
      for (const found of page) {
        if (found.task >= this.#end) return;
        if (this.#done[found.task - this.#from] === 0) yield found;
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE_TASKS) return;
      from = last.task + 1;
    }
  }

  done(task: number): void {
    this.#done[task - this.#from] = 1;
    while (this.#done[this.#first - this.#from] === 1) this.#first += 1;
  }
}
