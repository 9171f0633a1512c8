/**
 * The stores of the state folder on a simulated disk: a committed transaction survives the death of every process; what was not
 * flushed is lost in a power cut from some transaction on, whole transactions, latest first.
 */
import { QrewError } from "../../protocol/errors.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import type { RangeOptions, Store, StoreEntry, StoreReader, StoreWriter } from "../../src/store/port.ts";
import type { Random } from "./random.ts";

/** What a transaction has changed, with what was there before. */
export interface Change {
  readonly table: string;
  readonly key: Uint8Array;
  readonly before: Uint8Array | undefined;
  /** Undefined: deleted. */
  readonly after: Uint8Array | undefined;
}

export class SimStore implements Store {
  readonly name: string;
  readonly #inner = openMemoryStore();
  readonly #onCommit: (store: SimStore, changes: readonly Change[]) => void;
  readonly #isFull: () => boolean;
  /** Transactions that are committed and not flushed. */
  readonly #unflushed: (readonly Change[])[] = [];
  /** Transactions that are on disk. */
  #flushedCount = 0;

  constructor(
    name: string,
    isFull: () => boolean,
    onCommit: (store: SimStore, changes: readonly Change[]) => void,
  ) {
    this.name = name;
    this.#isFull = isFull;
    this.#onCommit = onCommit;
  }

  read<Result>(body: (reader: StoreReader) => Result): Result {
    return this.#inner.read(body);
  }

  write<Result>(body: (writer: StoreWriter) => Result): Result {
    const changes: Change[] = [];
    const result = this.#inner.write((writer) => {
      const value = body(new RecordingWriter(writer, changes));
      if (changes.length > 0 && this.#isFull()) {
        throw new QrewError("storeFull", "The disk of the state folder is full: make room.");
      }
      return value;
    });
    if (changes.length > 0) {
      this.#unflushed.push(changes);
      this.#onCommit(this, changes);
    }
    return result;
  }

  flushed(): Promise<void> {
    this.flushUpTo(this.committed);
    return Promise.resolve();
  }

  close(): Promise<void> {
    return this.flushed();
  }

  /** Transactions so far: what a flush that begins now will have brought to the disk. */
  get committed(): number {
    return this.#flushedCount + this.#unflushed.length;
  }

  flushUpTo(committed: number): void {
    const count = committed - this.#flushedCount;
    if (count <= 0) return;
    this.#unflushed.splice(0, count);
    this.#flushedCount = committed;
  }

  /** Returns how many transactions were lost. */
  powerCut(random: Random): number {
    const lost = this.#unflushed.splice(random.between(0, this.#unflushed.length));
    this.flushUpTo(this.committed);
    for (const changes of lost.toReversed()) {
      this.#inner.write((writer) => {
        for (const { table, key, before } of changes.toReversed()) {
          if (before === undefined) writer.delete(table, key);
          else writer.put(table, key, before);
        }
      });
    }
    return lost.length;
  }
}

class RecordingWriter implements StoreWriter {
  readonly #writer: StoreWriter;
  readonly #changes: Change[];

  constructor(writer: StoreWriter, changes: Change[]) {
    this.#writer = writer;
    this.#changes = changes;
  }

  get(table: string, key: Uint8Array): Uint8Array | undefined {
    return this.#writer.get(table, key);
  }

  range(table: string, options: RangeOptions): Iterable<StoreEntry> {
    return this.#writer.range(table, options);
  }

  put(table: string, key: Uint8Array, value: Uint8Array): void {
    this.#note(table, key, new Uint8Array(value));
    this.#writer.put(table, key, value);
  }

  delete(table: string, key: Uint8Array): void {
    this.#note(table, key, undefined);
    this.#writer.delete(table, key);
  }

  #note(table: string, key: Uint8Array, after: Uint8Array | undefined): void {
    this.#changes.push({ table, key: new Uint8Array(key), before: this.#writer.get(table, key), after });
  }
}

export class Disk {
  readonly #stores = new Map<string, SimStore>();
  readonly #isFull: () => boolean;
  readonly #onCommit: (store: SimStore, changes: readonly Change[]) => void;
  readonly #onOpened: (store: SimStore) => void;

  constructor(
    isFull: () => boolean,
    onCommit: (store: SimStore, changes: readonly Change[]) => void,
    onOpened: (store: SimStore) => void,
  ) {
    this.#isFull = isFull;
    this.#onCommit = onCommit;
    this.#onOpened = onOpened;
  }

  open(name: string): SimStore {
    let store = this.#stores.get(name);
    if (store === undefined) {
      store = new SimStore(name, this.#isFull, this.#onCommit);
      this.#stores.set(name, store);
      this.#onOpened(store);
    }
    return store;
  }

  stores(): readonly SimStore[] {
    return [...this.#stores.values()];
  }
}
