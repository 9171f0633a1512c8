/** Finds places in a JSON text, all of them in one pass over it. */
import { visit } from "jsonc-parser";
import type { Locate, Path, Place, Position } from "./fault.ts";

/** Wanted places under a value: those at it, those at its key, and those further down. */
interface Wanted {
  readonly at: number[];
  readonly atKey: number[];
  readonly below: Map<string | number, Wanted>;
}

const nothingWanted = (): Wanted => ({ at: [], atKey: [], below: new Map() });

export const jsonLocator =
  (text: string): Locate =>
  (places) => {
    const positions: (Position | null)[] = places.map((place) =>
      place.type === "position" ? place.position : null,
    );
    if (places.some(({ type }) => type === "value" || type === "key"))
      new Walk(wantedTree(places), positions).over(text);
    return positions;
  };

function wantedTree(places: readonly Place[]): Wanted {
  const root = nothingWanted();
  for (const [number, place] of places.entries()) {
    if (place.type === "value") under(root, place.path).at.push(number);
    else if (place.type === "key") under(root, place.path).atKey.push(number);
  }
  return root;
}

function under(root: Wanted, path: Path): Wanted {
  let at = root;
  for (const step of path) {
    const next = at.below.get(step) ?? nothingWanted();
    at.below.set(step, next);
    at = next;
  }
  return at;
}

/** Where the walk is: in a list at an index, or in an object at a key. */
interface Level {
  readonly wanted: Wanted | null;
  index: number;
  key: string | null;
}

class Walk {
  readonly #root: Wanted;
  readonly #positions: (Position | null)[];
  readonly #levels: Level[] = [];

  constructor(root: Wanted, positions: (Position | null)[]) {
    this.#root = root;
    this.#positions = positions;
  }

  over(text: string): void {
    const begin = (isList: boolean, line: number, column: number): boolean => {
      const wanted = this.#value(line, column);
      this.#levels.push({ wanted, index: isList ? 0 : -1, key: null });
      return wanted !== null && wanted.below.size > 0;
    };
    const end = (): void => void this.#levels.pop();
    visit(text, {
      onObjectBegin: (_offset, _length, line, column) => begin(false, line, column),
      onArrayBegin: (_offset, _length, line, column) => begin(true, line, column),
      onObjectEnd: end,
      onArrayEnd: end,
      onObjectProperty: (key, _offset, _length, line, column) => this.#key(key, line, column),
      onLiteralValue: (_value, _offset, _length, line, column) => void this.#value(line, column),
    });
  }

  #key(key: string, line: number, column: number): void {
    const level = this.#levels.at(-1);
    if (level === undefined) return;
    level.key = key;
    for (const number of level.wanted?.below.get(key)?.atKey ?? [])
      this.#positions[number] = position(line, column);
  }

  /** Notes the value that begins here, and what is wanted of it. */
  #value(line: number, column: number): Wanted | null {
    const level = this.#levels.at(-1);
    let wanted: Wanted | null = this.#root;
    if (level !== undefined) {
      wanted = level.wanted?.below.get(level.key ?? level.index) ?? null;
      if (level.key === null) level.index += 1;
    }
    if (wanted !== null) this.#note(wanted, position(line, column));
    return wanted;
  }

  #note(wanted: Wanted, here: Position): void {
    for (const number of wanted.at) this.#positions[number] = here;
    // The key of this value has told its own position; the root and an element of a list have none.
    for (const number of wanted.atKey) this.#positions[number] ??= here;
    for (const below of wanted.below.values()) this.#noteAll(below, here);
  }

  /** What is wanted further down stands here until it is met: it may not be there. */
  #noteAll(wanted: Wanted, here: Position): void {
    for (const number of [...wanted.at, ...wanted.atKey]) this.#positions[number] = here;
    for (const below of wanted.below.values()) this.#noteAll(below, here);
  }
}

const position = (line: number, column: number): Position => ({ line: line + 1, column: column + 1 });
