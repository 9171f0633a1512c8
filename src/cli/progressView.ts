/** Shows how a job goes while it runs: redrawn in place on a terminal, lines now and then elsewhere. */
import type { JobChange } from "../client/follow.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import { RedrawnBlock } from "./redraw.ts";
import type { Terminal } from "./terminal.ts";
import { liveView } from "./view/liveView.ts";
import { PLAIN_LINE_STEP_MS, plainKey, plainProgressLine } from "./view/plainView.ts";
import { addChange, type Progress } from "./view/progress.ts";
import { plural } from "./view/text.ts";

export interface ProgressView {
  show(change: JobChange): void;
  /** A line that stays. `doing` then stands in place of the state; null leaves that as it is. */
  say(line: string, doing: string | null): void;
  /** Takes what is shown away, for others that write to the screen, until `reveal`. */
  hide(): void;
  reveal(): void;
  /** Leaves nothing behind but what was said. May be called again. */
  close(): void;
}

export function openProgressView(terminal: Terminal, job: number, tasks: number): ProgressView {
  return terminal.canRedraw ? new LiveProgress(terminal) : new PlainProgress(terminal, job, tasks);
}

/** For a job whose output is shown as it comes: nothing but what is said. */
export function openQuietView(terminal: Terminal): ProgressView {
  return {
    show: () => undefined,
    say: (line) => terminal.note(line),
    hide: () => undefined,
    reveal: () => undefined,
    close: () => undefined,
  };
}

class LiveProgress implements ProgressView {
  readonly #block: RedrawnBlock;
  #progress: Progress | null = null;
  #doing: string | null = null;

  constructor(terminal: Terminal) {
    this.#block = new RedrawnBlock(terminal, () =>
      this.#progress === null
        ? []
        : liveView(this.#progress, {
            style: terminal.noteStyle,
            rows: terminal.size().rows,
            nowMs: Date.now(),
            doing: this.#doing,
          }),
    );
  }

  show(change: JobChange): void {
    this.#progress = addChange(this.#progress, change, Date.now());
    this.#block.update();
  }

  say(line: string, doing: string | null): void {
    this.#doing = doing ?? this.#doing;
    this.#block.print(line);
  }

  hide(): void {
    this.#block.hide();
  }

  reveal(): void {
    this.#block.reveal();
  }

  close(): void {
    this.#block.stop();
  }
}

class PlainProgress implements ProgressView {
  readonly #terminal: Terminal;
  #progress: Progress | null = null;
  #key = "";
  #saidAtMs: number;
  #due: NodeJS.Timeout | null = null;

  constructor(terminal: Terminal, job: number, tasks: number) {
    this.#terminal = terminal;
    this.#saidAtMs = performance.now();
    terminal.note(`job ${job}: ${plural(tasks, "task")}`);
  }

  show(change: JobChange): void {
    this.#progress = addChange(this.#progress, change, Date.now());
    // The end has a sentence of its own on stdout.
    if (isFinalJobState(change.summary.state)) this.close();
    else this.#schedule();
  }

  say(line: string): void {
    this.#terminal.note(line);
  }

  hide(): void {
    // Its lines stay where they are.
  }

  reveal(): void {
    // They are not in the way of anything.
  }

  close(): void {
    if (this.#due !== null) clearTimeout(this.#due);
    this.#due = null;
  }

  #schedule(): void {
    if (this.#due !== null) return;
    const waitMs = Math.max(0, this.#saidAtMs + PLAIN_LINE_STEP_MS - performance.now());
    this.#due = setTimeout(() => {
      this.#due = null;
      this.#print();
    }, waitMs);
  }

  #print(): void {
    if (this.#progress === null || plainKey(this.#progress) === this.#key) return;
    this.#key = plainKey(this.#progress);
    this.#saidAtMs = performance.now();
    this.#terminal.note(plainProgressLine(this.#progress, Date.now()));
  }
}
