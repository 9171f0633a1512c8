/** What a transaction on LMDB gives to its body. */
import type { RootDatabase, Transaction } from "lmdb";
import { assert } from "../../protocol/errors.ts";
import type { PendingChanges } from "./pendingChanges.ts";
import type { RangeOptions, StoreEntry, StoreReader, StoreWriter } from "./port.ts";
import { checkKey, checkValue, keyInTable, tableEnd, tableKey, tableStart } from "./tableKey.ts";

export type Database = RootDatabase<Uint8Array, Uint8Array>;

/** Void when the transaction has ended. */
export class LmdbView implements StoreReader {
  protected readonly database: Database;
  /** Null in a write transaction, which lmdb-js finds by itself. */
  private readonly snapshot: Transaction | null;
  private readonly openRanges = new Set<Iterator<unknown>>();
  private ended = false;

  constructor(database: Database, snapshot: Transaction | null) {
    this.database = database;
    this.snapshot = snapshot;
  }

  get(table: string, key: Uint8Array): Uint8Array | undefined {
    this.check();
    checkKey(key);
    const full = tableKey(table, key);
    return this.snapshot === null
      ? this.database.get(full)
      : this.database.get(full, { transaction: this.snapshot });
  }

  *range(table: string, options: RangeOptions): Generator<StoreEntry> {
    this.check();
    const lower = options.from === undefined ? tableStart(table) : tableKey(table, options.from);
    const upper = options.to === undefined ? tableEnd(table) : tableKey(table, options.to);
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    if (limit <= 0 || Buffer.compare(lower, upper) >= 0) return;
    const bounds =
      options.reverse === true
        ? { start: upper, exclusiveStart: true, end: lower, inclusiveEnd: true, reverse: true }
        : { start: lower, end: upper };
    const found = this.database.getRange(
      this.snapshot === null ? bounds : { ...bounds, transaction: this.snapshot },
    );
    const cursor = found[Symbol.iterator]();
    this.openRanges.add(cursor);
    try {
      for (let count = 0; count < limit; count += 1) {
        const next = cursor.next();
        if (next.done === true) return;
        yield { key: keyInTable(table, next.value.key), value: next.value.value };
        this.check();
      }
    } finally {
      this.openRanges.delete(cursor);
      cursor.return?.();
    }
  }

  /** Cursors that the body left open would hold the snapshot. */
  end(): void {
    this.ended = true;
    for (const cursor of this.openRanges) cursor.return?.();
    this.openRanges.clear();
  }

  protected check(): void {
    assert(!this.ended, "what a transaction gave is not used after its end");
  }
}

export class WritableLmdbView extends LmdbView implements StoreWriter {
  /** Where the latest change went; a failed transaction is looked into there. */
  lastKey: Uint8Array | null = null;
  private readonly changes: PendingChanges;

  /** Each change is added to `changes`, whatever becomes of the transaction. */
  constructor(database: Database, changes: PendingChanges) {
    super(database, null);
    this.changes = changes;
  }

  put(table: string, key: Uint8Array, value: Uint8Array): void {
    this.check();
    checkKey(key);
    checkValue(value);
    this.lastKey = tableKey(table, key);
    this.database.putSync(this.lastKey, value);
    this.changes.add(this.lastKey, value);
  }

  delete(table: string, key: Uint8Array): void {
    this.check();
    checkKey(key);
    this.lastKey = tableKey(table, key);
    this.database.removeSync(this.lastKey);
    this.changes.add(this.lastKey, null);
  }
}
