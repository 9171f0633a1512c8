/** The tasks of a JSON document that is read piece by piece: only some hundred of them are objects at a time. */

/** The list of tasks in the bytes, as `scanJson` finds it. */
export interface TaskListExtent {
  /** Offset of the opening bracket, and of what closes it. */
  readonly start: number;
  readonly end: number;
  /** Entries, if the list is what it seems to be. */
  readonly count: number;
  /** Offsets of some of the commas between them, ascending. */
  readonly cuts: readonly number[];
}

/** A list that has been read, or one that is read while it is gone through. */
export type TaskList = readonly unknown[] | ListedTasks;

export class ListedTasks implements Iterable<unknown> {
  readonly #extent: TaskListExtent;
  readonly #textBetween: (start: number, end: number) => string;
  readonly #onBroken: (error: unknown) => void;

  /** `onBroken` is called when a piece is no JSON; nothing follows then. */
  constructor(
    extent: TaskListExtent,
    textBetween: (start: number, end: number) => string,
    onBroken: (error: unknown) => void,
  ) {
    this.#extent = extent;
    this.#textBetween = textBetween;
    this.#onBroken = onBroken;
  }

  get length(): number {
    return this.#extent.count;
  }

  *[Symbol.iterator](): Generator {
    const { start, end, cuts } = this.#extent;
    let from = start + 1;
    for (const to of [...cuts, end]) {
      const entries = this.#entries(from, to);
      if (entries === null) return;
      yield* entries;
      from = to + 1;
    }
  }

  #entries(from: number, to: number): readonly unknown[] | null {
    try {
      const value: unknown = JSON.parse(`[${this.#textBetween(from, to)}]`);
      const entries: readonly unknown[] = Array.isArray(value) ? value : [];
      // Between two commas, or a comma and the end, something has to be.
      if (entries.length === 0 && this.length > 0) throw new SyntaxError("an entry is missing");
      return entries;
    } catch (error) {
      this.#onBroken(error);
      return null;
    }
  }
}
