/**
 * Prints what the tasks of a job have written, each task's as a whole once it has ended: in the order in which they end, or
 * in that of the arguments. stdout goes to stdout, stderr to stderr.
 */
import { type JobSeq, taskIndex } from "../../../protocol/ids.ts";
import type { StateReader } from "../../client/read.ts";
import { outputPieces } from "../../client/readOutput.ts";
import { isFinalTaskState, type JobTasks } from "../../client/readTasks.ts";
import { TaskWindow } from "../../client/taskWindow.ts";
import type { Terminal } from "../terminal.ts";

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
  #window: TaskWindow | null = null;
  #restUntilMs = 0;
  /** Makes up for a call that came too early: perhaps nothing changes for hours. */
  #due: NodeJS.Timeout | null = null;
  /** What it began. */
  #madeUp: Promise<void> = Promise.resolve();

  constructor(terminal: Terminal, reader: StateReader, job: JobSeq, options: OutputOptions) {
    this.#terminal = terminal;
    this.#reader = reader;
    this.#job = job;
    this.#keepOrder = options.keepOrder;
    this.#screen = options.screen;
  }

  /** Prints what has ended since the last call, now or soon; at the end of the job everything that is left. */
  async print(isAtEnd: boolean): Promise<void> {
    await this.#madeUp;
    const restMs = isAtEnd ? 0 : this.#restUntilMs - performance.now();
    if (restMs <= 0) return this.#print(isAtEnd);
    this.#due ??= setTimeout(() => {
      this.#madeUp = this.#print(false);
      // It is awaited by the next call.
      this.#madeUp.catch(() => undefined);
    }, restMs);
  }

  /** Resolves when nothing is printed any more. */
  async close(): Promise<void> {
    this.#forget();
    await this.#madeUp.catch(() => undefined);
  }

  #forget(): void {
    if (this.#due !== null) clearTimeout(this.#due);
    this.#due = null;
  }

  async #print(isAtEnd: boolean): Promise<void> {
    this.#forget();
    const beganMs = performance.now();
    const job = this.#reader.job(this.#job);
    if (job === null || job.seat === null) return;
    const tasks = this.#reader.tasks(job);
    try {
      await this.#printEnded(tasks, isAtEnd);
    } finally {
      if (this.#isHidden) this.#screen.reveal();
      this.#isHidden = false;
    }
    const nowMs = performance.now();
    this.#restUntilMs = nowMs + (nowMs - beganMs) * REST_FACTOR;
  }

  async #printEnded(tasks: JobTasks, isAtEnd: boolean): Promise<void> {
    this.#window ??= new TaskWindow(0, tasks.count);
    for (const { task, record } of this.#window.dispatched(tasks)) {
      const hasEnded = isFinalTaskState(record.state);
      const isNext = task === this.#window.first;
      if (this.#keepOrder && !isAtEnd && !(hasEnded && isNext)) return;
      if (!hasEnded) continue;
      await this.#printTask(tasks, task, record.attempt);
      this.#window.done(task);
    }
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
