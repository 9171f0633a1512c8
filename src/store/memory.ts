/**
 * The store in memory: the twin of LMDB for the simulator and for tests. It keeps the same promises within the process,
 * and can lose power.
 */
import { assert } from "../../protocol/errors.ts";
import { OrderedMap } from "./orderedMap.ts";
import type { RangeOptions, Store, StoreEntry, StoreReader, StoreWriter } from "./port.ts";
import { checkKey, checkValue, keyInTable, tableEnd, tableKey, tableStart } from "./tableKey.ts";

export interface MemoryStore extends Store {
  /** A power cut: takes back every transaction since the last `flushed`. The death of a process takes nothing back. */
  crash(): void;
}

/** What has to be put back to undo one change. */
interface Undo {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

export function openMemoryStore(): MemoryStore {
  return new InMemoryStore();
}

class InMemoryStore implements MemoryStore {
  private readonly map = new OrderedMap();
  /** Of committed transactions that are not flushed, in the order of the changes. */
  private unflushed: Undo[] = [];
  private inTransaction = false;
  private closed = false;

  read<Result>(body: (reader: StoreReader) => Result): Result {
    this.enter();
    const view = new View(this.map);
    try {
      return body(view);
    } finally {
      view.end();
      this.inTransaction = false;
    }
  }

  write<Result>(body: (writer: StoreWriter) => Result): Result {
    this.enter();
    const view = new WritableView(this.map);
    try {
      const result = body(view);
      for (const undo of view.undos) this.unflushed.push(undo);
      return result;
    } catch (error) {
      takeBack(this.map, view.undos);
      throw error;
    } finally {
      view.end();
      this.inTransaction = false;
    }
  }

  async flushed(): Promise<void> {
    this.unflushed = [];
  }

  async close(): Promise<void> {
    assert(!this.inTransaction, "a store is not closed inside a transaction");
    await this.flushed();
    this.closed = true;
  }

  crash(): void {
    takeBack(this.map, this.unflushed);
    this.unflushed = [];
  }

  private enter(): void {
    assert(!this.closed, "the store is open");
    assert(!this.inTransaction, "a transaction is not begun inside another");
    this.inTransaction = true;
  }
}

function takeBack(map: OrderedMap, undos: readonly Undo[]): void {
  for (const { key, value } of undos.toReversed()) {
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  }
}

class View implements StoreReader {
  protected readonly map: OrderedMap;
  private ended = false;

  constructor(map: OrderedMap) {
    this.map = map;
  }

  get(table: string, key: Uint8Array): Uint8Array | undefined {
    this.check();
    checkKey(key);
    const value = this.map.get(tableKey(table, key));
    return value === undefined ? undefined : new Uint8Array(value);
  }

  *range(table: string, options: RangeOptions): Generator<StoreEntry> {
    this.check();
    const lower: Uint8Array = options.from === undefined ? tableStart(table) : tableKey(table, options.from);
    const upper: Uint8Array = options.to === undefined ? tableEnd(table) : tableKey(table, options.to);
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    const reverse = options.reverse === true;
    let position = reverse ? upper : lower;
    for (let count = 0; count < limit; count += 1) {
      const next = reverse ? this.map.before(position) : this.map.atOrAfter(position, count > 0);
      if (next === undefined) return;
      const [key, value] = next;
      if (Buffer.compare(key, lower) < 0 || Buffer.compare(key, upper) >= 0) return;
      yield { key: new Uint8Array(keyInTable(table, key)), value: new Uint8Array(value) };
      this.check();
      position = key;
    }
  }

  end(): void {
    this.ended = true;
  }

  protected check(): void {
    assert(!this.ended, "what a transaction gave is not used after its end");
  }
}

class WritableView extends View implements StoreWriter {
  readonly undos: Undo[] = [];

  put(table: string, key: Uint8Array, value: Uint8Array): void {
    this.check();
    checkKey(key);
    checkValue(value);
    const full = tableKey(table, key);
    this.undos.push({ key: full, value: this.map.get(full) });
    // A copy: the caller may use its buffer again. (`slice` of a Buffer is none.)
    this.map.set(full, new Uint8Array(value));
  }

  delete(table: string, key: Uint8Array): void {
    this.check();
    checkKey(key);
    const full = tableKey(table, key);
    this.undos.push({ key: full, value: this.map.get(full) });
    this.map.delete(full);
  }
}
