/** A block of lines on a terminal that is drawn over itself, at a bounded rate. */
import { displayWidth } from "./view/text.ts";
import type { Terminal } from "./terminal.ts";

/** Ten times a second looks continuous; more only costs. */
export const REDRAW_STEP_MS = 100;
/** Ages and the elapsed time go on when nothing else changes. */
const TICK_MS = 1_000;

const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
const CLEAR_BELOW = "\u001b[0J";
const COLOURS = /\u001b\[[0-9;]*m/g;

export class RedrawnBlock {
  readonly #terminal: Terminal;
  readonly #render: () => readonly string[];
  readonly #offResize: () => void;
  readonly #tick: NodeJS.Timeout;
  readonly #restore = (): void => this.#terminal.draw(SHOW_CURSOR);
  #shown: readonly string[] = [];
  #pending: NodeJS.Timeout | null = null;
  #drawnAtMs = Number.NEGATIVE_INFINITY;
  #isStopped = false;
  #isHidden = false;

  /** `render` gives the lines for the terminal's present size, each within its columns. */
  constructor(terminal: Terminal, render: () => readonly string[]) {
    this.#terminal = terminal;
    this.#render = render;
    this.#offResize = terminal.onResize(() => this.#draw());
    this.#tick = setInterval(() => this.update(), TICK_MS);
    // A command that dies on its way must not leave a terminal without cursor.
    process.on("exit", this.#restore);
    terminal.draw(HIDE_CURSOR);
  }

  /** Draws soon: at once if the last drawing is long enough ago. */
  update(): void {
    if (this.#isStopped || this.#pending !== null) return;
    const waitMs = this.#drawnAtMs + REDRAW_STEP_MS - performance.now();
    if (waitMs <= 0) this.#draw();
    else {
      this.#pending = setTimeout(() => {
        this.#pending = null;
        this.#draw();
      }, waitMs);
    }
  }

  /** Writes a line above the block, where it stays. */
  print(line: string): void {
    this.#terminal.draw(`${this.#erase()}${line}\n`);
    this.#shown = [];
    this.#draw();
  }

  /** Takes the block away, so that others may write to the screen until `reveal`; they leave the cursor at the begin of a line. */
  hide(): void {
    this.#terminal.draw(this.#erase());
    this.#shown = [];
    this.#isHidden = true;
  }

  reveal(): void {
    this.#isHidden = false;
    this.#draw();
  }

  /** Removes the block and gives the cursor back; may be called again. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    if (this.#pending !== null) clearTimeout(this.#pending);
    clearInterval(this.#tick);
    this.#offResize();
    process.off("exit", this.#restore);
    this.#terminal.draw(this.#erase() + SHOW_CURSOR);
  }

  #draw(): void {
    if (this.#isStopped || this.#isHidden) return;
    const erase = this.#erase();
    this.#shown = this.#render();
    this.#drawnAtMs = performance.now();
    this.#terminal.draw(erase + this.#shown.map((line) => `${line}\n`).join(""));
  }

  /** Back to the block's first row. A terminal that became narrower has broken its lines into more rows. */
  #erase(): string {
    const { columns } = this.#terminal.size();
    const rows = this.#shown.reduce((sum, line) => sum + rowsOf(line, columns), 0);
    return rows === 0 ? "" : `\u001b[${rows}A\r${CLEAR_BELOW}`;
  }
}

/** Rows that a drawn line takes in a terminal of `columns`. */
export function rowsOf(line: string, columns: number): number {
  const width = displayWidth(line.replace(COLOURS, ""));
  return Math.max(1, Math.ceil(width / Math.max(1, columns)));
}
