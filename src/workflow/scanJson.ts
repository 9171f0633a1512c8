/**
 * One look at the bytes of a JSON document, for what JSON.parse does not tell: how deep it is nested, before a parser
 * spends memory on it, and keys that an object has twice, of which JSON.parse silently keeps the last.
 */
import { DOCUMENT_FAULTS_MAX } from "../../protocol/clientLink.ts";
import type { TaskListExtent } from "./listedTasks.ts";
import { NESTING_MAX, tooDeep } from "./reading.ts";

interface JsonScan {
  /** What must not be parsed, and its offset. */
  readonly refused: { readonly offset: number; readonly message: string } | null;
  /** Offsets of the first DOCUMENT_FAULTS_MAX keys that repeat one of their object. */
  readonly repeatedKeysAt: readonly number[];
  /** The whole document if it is a list, or its list of `tasks`; null if there is none. */
  readonly taskList: TaskListExtent | null;
}

/** Entries of the list of tasks from one cut to the next. */
const CUT_ENTRIES = 256;

/** The largest object of a workflow is an environment, of at most 1 MiB; JSON.parse takes seconds for millions of keys. */
const KEYS_MAX = 100_000;
const tooManyKeys = `An object has more than ${KEYS_MAX} keys up to here: tasks are a list of objects.`;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export function scanJson(bytes: Buffer): JsonScan {
  const repeatedKeysAt: number[] = [];
  const list = new TaskListFinder(bytes);
  /** Of each depth that is open, from 0: the keys of the object there, or null. */
  const objects: (ObjectKeys | null)[] = [null];
  /** Of each depth, made for the first object there: most documents have four, and many come by the thousand. */
  const spare: (ObjectKeys | undefined)[] = [];
  let depth = 0;
  let keyNext = false;
  for (let index = 0; index < bytes.length; index += 1) {
    switch (bytes[index] ?? 0) {
      case QUOTE: {
        const start = index;
        index = endOfText(bytes, start);
        const keys = keyNext ? (objects[depth] ?? null) : null;
        if (keyNext && depth === 1) list.rootKey(start + 1, index);
        keyNext = false;
        if (keys === null || repeatedKeysAt.length >= DOCUMENT_FAULTS_MAX) break;
        if (keys.repeats(start + 1, index)) repeatedKeysAt.push(start);
        if (keys.count > KEYS_MAX)
          return { refused: { offset: start, message: tooManyKeys }, repeatedKeysAt, taskList: null };
        break;
      }
      case 0x7b: // {
      case 0x5b: {
        // [
        depth += 1;
        if (depth > NESTING_MAX)
          return { refused: { offset: index, message: tooDeep }, repeatedKeysAt, taskList: null };
        keyNext = bytes[index] === 0x7b;
        if (depth <= 2) list.opened(depth, index);
        const keys = keyNext ? (spare[depth] ?? new ObjectKeys(bytes)) : null;
        if (keys !== null) spare[depth] = keys;
        keys?.clear();
        objects[depth] = keys;
        break;
      }
      case 0x7d: // }
      case 0x5d: // ]
        if (depth <= 2) list.closed(depth, index);
        depth = Math.max(0, depth - 1);
        keyNext = false;
        break;
      case 0x2c: // ,
        keyNext = objects[depth] !== null;
        if (depth <= 2) list.comma(depth, index);
        break;
    }
  }
  return { refused: null, repeatedKeysAt, taskList: list.found };
}

const TASKS = Buffer.from("tasks");
const LIST_BEGIN = 0x5b;
const LIST_END = 0x5d;

/** Follows a scan and finds the list of tasks: at depth 1 if the document is a list, else at depth 2 under the key `tasks`. */
class TaskListFinder {
  readonly #bytes: Buffer;
  #underTasks = false;
  /** Depth of the list while the scan is in it; 0 outside of it. */
  #depth = 0;
  #start = 0;
  #commas = 0;
  #cuts: number[] = [];
  found: TaskListExtent | null = null;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  rootKey(start: number, end: number): void {
    this.#underTasks = this.#bytes.compare(TASKS, 0, TASKS.length, start, end) === 0;
  }

  opened(depth: number, at: number): void {
    const isList = this.#bytes[at] === LIST_BEGIN;
    if (this.#depth !== 0 || !isList || (depth === 2 && !this.#underTasks)) return;
    this.#depth = depth;
    this.#start = at;
    this.#commas = 0;
    this.#cuts = [];
  }

  comma(depth: number, at: number): void {
    if (depth !== this.#depth) return;
    this.#commas += 1;
    if (this.#commas % CUT_ENTRIES === 0) this.#cuts.push(at);
  }

  closed(depth: number, at: number): void {
    if (depth !== this.#depth) return;
    this.#depth = 0;
    // Brackets that do not match are for the parser to tell.
    if (this.#bytes[at] !== LIST_END || this.found !== null) return;
    const isEmpty = this.#commas === 0 && this.#isBlank(this.#start + 1, at);
    const count = isEmpty ? 0 : this.#commas + 1;
    this.found = { start: this.#start, end: at, count, cuts: this.#cuts };
  }

  #isBlank(start: number, end: number): boolean {
    for (let at = start; at < end; at += 1) if ((this.#bytes[at] ?? 0) > 0x20) return false;
    return true;
  }
}

/** Offset of the closing quote, or the end of the bytes. */
function endOfText(bytes: Buffer, start: number): number {
  let index = start + 1;
  for (; index < bytes.length; index += 1) {
    const byte = bytes[index];
    if (byte === QUOTE) return index;
    if (byte === BACKSLASH) index += 1;
  }
  return index;
}

/** Beyond this number of keys a set is faster than comparing with each. */
const COMPARED_KEYS_MAX = 16;

/** The keys of one object so far, as they are written: escapes are not resolved. */
class ObjectKeys {
  readonly #bytes: Buffer;
  readonly #starts = new Uint32Array(COMPARED_KEYS_MAX);
  readonly #ends = new Uint32Array(COMPARED_KEYS_MAX);
  #count = 0;
  #more: Set<string> | null = null;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** How many there are, each once. */
  get count(): number {
    return this.#count + (this.#more?.size ?? 0);
  }

  clear(): void {
    this.#count = 0;
    this.#more = null;
  }

  repeats(start: number, end: number): boolean {
    for (let key = 0; key < this.#count; key += 1) if (this.#equals(key, start, end)) return true;
    if (this.#count < COMPARED_KEYS_MAX) {
      this.#starts[this.#count] = start;
      this.#ends[this.#count] = end;
      this.#count += 1;
      return false;
    }
    this.#more ??= new Set();
    const size = this.#more.size;
    return this.#more.add(this.#bytes.toString("latin1", start, end)).size === size;
  }

  #equals(key: number, start: number, end: number): boolean {
    const keyStart = this.#starts[key] ?? 0;
    const length = end - start;
    if ((this.#ends[key] ?? 0) - keyStart !== length) return false;
    for (let at = 0; at < length; at += 1)
      if (this.#bytes[keyStart + at] !== this.#bytes[start + at]) return false;
    return true;
  }
}
