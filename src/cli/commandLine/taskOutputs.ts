/**
 * Prints what the tasks of a job have written, each task's as a whole once it has ended: in the order in which they end, or
 * in that of the arguments. stdout goes to stdout, stderr to stderr.
 *
 * Tasks are dispatched about in their order, so those that ended since the last look lie in a window between the first
 * that has not ended and the last that was dispatched; only that is read.
 */
import { type JobSeq, taskIndex } from "../../../protocol/ids.ts";
import type { StateReader } from "../../client/read.ts";
import { outputPieces } from "../../client/readOutput.ts";
import { isFinalTaskState, type JobTasks } from "../../client/readTasks.ts";
import type { StoredTask } from "../../store/workerStore.ts";
import type { Terminal } from "../terminal.ts";

/** Tasks read at once. */
const PAGE_TASKS = 512;
/** Of the time, so that a window that has grown large (its first task waits for a repetition) costs a tenth of it at most. */
const REST_FACTOR = 10;

/** What is on the screen meanwhile. */
export interface Screen {
  hide(): void;
  reveal(): void;
}

export interface OutputOptions {
  readonly keepOrder: boolean;
  readonly screen: Screen;
}

export class TaskOutputs {
  readonly #terminal: Terminal;
  readonly #reader: StateReader;
  readonly #job: JobSeq;
  readonly #keepOrder: boolean;
  readonly #screen: Screen;
  #isHidden = false;
  /** Everything before it is printed. */
  #first = 0;
  /** Printed ones behind `#first`. */
  #printed = new Uint8Array(0);
  #restUntilMs = 0;

  constructor(terminal: Terminal, reader: StateReader, job: JobSeq, options: OutputOptions) {
    this.#terminal = terminal;
    this.#reader = reader;
    this.#job = job;
    this.#keepOrder = options.keepOrder;
    this.#screen = options.screen;
  }

  /** Prints what has ended since the last call; at the end of the job everything that is left. */
  async print(isAtEnd: boolean): Promise<void> {
    const beganMs = performance.now();
    if (!isAtEnd && beganMs < this.#restUntilMs) return;
    const job = this.#reader.job(this.#job);
    if (job === null || job.seat === null) return;
    const tasks = this.#reader.tasks(job);
    if (this.#printed.length === 0) this.#printed = new Uint8Array(tasks.count);
    try {
      await this.#printWindow(tasks, isAtEnd);
    } finally {
      if (this.#isHidden) this.#screen.reveal();
      this.#isHidden = false;
    }
    const nowMs = performance.now();
    this.#restUntilMs = nowMs + (nowMs - beganMs) * REST_FACTOR;
  }

  async #printWindow(tasks: JobTasks, isAtEnd: boolean): Promise<void> {
    let from = this.#first;
    for (;;) {
      const page = tasks.recordedFrom(taskIndex(from), PAGE_TASKS);
      for (const found of page) {
        if (!(await this.#look(tasks, found, isAtEnd))) return;
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE_TASKS) return;
      from = last.task + 1;
    }
  }

  /** False if nothing behind this task may be printed yet. */
  async #look(tasks: JobTasks, { task, record }: StoredTask, isAtEnd: boolean): Promise<boolean> {
    const hasEnded = isFinalTaskState(record.state);
    const isNext = task === this.#first;
    if (this.#keepOrder && !isAtEnd && !(hasEnded && isNext)) return false;
    if (!hasEnded) return true;
    if (this.#printed[task] === 0) {
      this.#printed[task] = 1;
      await this.#printTask(tasks, task, record.attempt);
    }
    while (this.#printed[this.#first] === 1) this.#first += 1;
    return true;
  }

  async #printTask(tasks: JobTasks, task: number, attempt: number): Promise<void> {
    const { style, canRedraw } = this.#terminal;
    const isOnScreen = { stdout: Number.isFinite(style.columns), stderr: canRedraw } as const;
    for (const stream of ["stdout", "stderr"] as const) {
      const output = this.#reader.output(tasks.job, taskIndex(task), attempt, stream);
      if (output === null) continue;
      if (!this.#isHidden) this.#screen.hide();
      this.#isHidden = true;
      let endsLine = true;
      for await (const piece of outputPieces(output)) {
        await (stream === "stdout" ? this.#terminal.write(piece) : this.#terminal.writeError(piece));
        endsLine = piece.at(-1) === 0x0a;
      }
      // What is drawn next begins at the begin of a line.
      if (!endsLine && canRedraw && isOnScreen[stream]) this.#terminal.draw("\n");
    }
  }
}
