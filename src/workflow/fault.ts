/**
 * Faults of a document while it is checked: first with the path of the value they are about, at the end with line and
 * column. All are counted, but only the first DOCUMENT_FAULTS_MAX are kept, so that a million wrong tasks cost no memory.
 */
import { DOCUMENT_FAULTS_MAX, type DocumentFault } from "../../protocol/clientLink.ts";

/** Keys and indexes that lead from the root of the document to a value. */
export type Path = readonly (string | number)[];

/** From 1; the column counts UTF-16 units, as editors do. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** What a fault is about. A path that leads nowhere stands for the last value on its way. */
export type Place =
  | { readonly type: "document" }
  | { readonly type: "position"; readonly position: Position }
  | { readonly type: "value"; readonly path: Path }
  | { readonly type: "key"; readonly path: Path };

export const wholeDocument: Place = { type: "document" };
export const atPosition = (line: number, column: number): Place => ({
  type: "position",
  position: { line, column },
});
export const atValue = (path: Path): Place => ({ type: "value", path });
export const atKey = (path: Path): Place => ({ type: "key", path });

/** Finds the places in the text, all in one pass; null where a place has no position. */
export type Locate = (places: readonly Place[]) => readonly (Position | null)[];

/** A sentence that says what is wrong and what to do; with `other` it also tells the line of a second place. */
export type Message = string | { readonly other: Path; readonly say: (otherLine: number) => string };

interface PlacedFault {
  readonly place: Place;
  readonly message: Message;
}

export class FaultList {
  #faults: PlacedFault[] = [];
  #total = 0;
  #isClosed = false;

  get total(): number {
    return this.#total;
  }

  /** `place` and `message` may be functions: they are not called when the fault is only counted. */
  add(place: Place | (() => Place), message: Message | (() => Message)): void {
    if (this.#isClosed) return;
    this.#total += 1;
    if (this.#faults.length >= DOCUMENT_FAULTS_MAX) return;
    this.#faults.push({
      place: typeof place === "function" ? place() : place,
      message: typeof message === "function" ? message() : message,
    });
  }

  /** What `add` adds stands for all: it makes everything else void, what was found before and what still comes. */
  replaceAll(add: () => void): void {
    this.#faults = [];
    this.#total = 0;
    add();
    this.#isClosed = true;
  }

  /** The kept faults with their positions, in the order of the document. */
  located(locate: Locate): readonly DocumentFault[] {
    const otherPaths = this.#faults.flatMap(({ message }) =>
      typeof message === "string" ? [] : [message.other],
    );
    const positions = locate([...this.#faults.map(({ place }) => place), ...otherPaths.map(atValue)]);
    let nextOther = this.#faults.length;
    const faults = this.#faults.map(({ message }, index): DocumentFault => {
      const position = positions[index] ?? null;
      const place = { line: position?.line ?? null, column: position?.column ?? null };
      if (typeof message === "string") return { message, ...place };
      const otherLine = positions[nextOther]?.line ?? 0;
      nextOther += 1;
      return { message: message.say(otherLine), ...place };
    });
    return faults.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
  }
}

/** For faults that have no paths: what stands before the document could be read. */
export const locatePositionsOnly: Locate = (places) =>
  places.map((place) => (place.type === "position" ? place.position : null));
