/**
 * An ordered key-value store with tables and transactions: what qrew needs of LMDB, and no more.
 *
 * What holds after a crash: `write` returns when the transaction is committed. A committed transaction is seen by every
 * process and survives the death of any process, also by SIGKILL. It survives a power cut once a `flushed()` that was
 * called after it has resolved. A power cut before that takes back whole transactions, latest first, never a part of one.
 *
 * One writer per store. Readers in other processes see a consistent snapshot, the latest when they begin, and never wait
 * for the writer. Transactions do not nest, and what one gave to its body is void after it. Keys have 1 to 256 bytes,
 * values at most 8 MiB (tableKey.ts); more is a defect of the caller and asserted.
 */
export interface StoreReader {
  /** The value is a copy or a view that is valid until the end of the transaction. */
  get(table: string, key: Uint8Array): Uint8Array | undefined;
  /**
   * Entries with `from <= key < to` in the order of their bytes (descending with `reverse`), at most `limit`. Lazy: a
   * body that wants to change the table first takes what it needs out of the range.
   */
  range(table: string, options: RangeOptions): Iterable<StoreEntry>;
}

export interface RangeOptions {
  readonly from?: Uint8Array;
  readonly to?: Uint8Array;
  readonly limit?: number;
  readonly reverse?: boolean;
}

export interface StoreEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface StoreWriter extends StoreReader {
  put(table: string, key: Uint8Array, value: Uint8Array): void;
  delete(table: string, key: Uint8Array): void;
}

export interface Store {
  /** Runs `body` on one snapshot. It must be short and must not keep what it was given: an open snapshot stops page reuse. */
  read<Result>(body: (reader: StoreReader) => Result): Result;
  /**
   * Runs `body` in a transaction and commits it: all of it or, if `body` throws, nothing. A read inside sees the writes
   * before it. Throws `storeFull` when the disk is full or fails.
   */
  write<Result>(body: (writer: StoreWriter) => Result): Result;
  /**
   * Resolves when everything committed before the call is on disk. Rejects with `storeFull` when the disk failed; the
   * store then takes no more writes until it is opened again.
   */
  flushed(): Promise<void>;
  /** Flushes and closes; a second call does nothing. */
  close(): Promise<void>;
}
