/**
 * The store on LMDB. How the options keep the port's promises:
 *
 * - A commit is one write of its pages and one of the meta page, into the page cache (`noSync`): it survives the death of any
 *   process, and costs 10 µs where one that is synced costs 100, or 10 ms on a slow disk. `flushed` syncs, off the main thread, and
 *   leaves a checkpoint to which a power cut takes the store back (lmdbCheckpoint.ts), and a journal of what was flushed after it
 *   (lmdbJournal.ts); without those `noSync` could leave a meta page without its pages.
 * - lmdb-js's own way to the same end (`overlappingSync`) waits for the sync in each synchronous transaction.
 * - The file is written with `pwrite` and mapped read-only: a stray pointer cannot damage it.
 * - The map grows with the file, doubling; there is no bound but the disk's.
 */
import { realpathSync } from "node:fs";
import { open } from "lmdb";
import { assert, type QrewError } from "../../protocol/errors.ts";
import { bootId } from "../node/process.ts";
import { isInputOutput, isOfLmdb, isVoidTransaction, lmdbFailure, lmdbReadFailure } from "./lmdbErrors.ts";
import { finishMaking, needsWriter, prepareForReading, prepareForWriting } from "./lmdbFile.ts";
import { Flusher } from "./lmdbFlush.ts";
import { dataFileOf } from "./lmdbMeta.ts";
import { type Database, LmdbView, WritableLmdbView } from "./lmdbView.ts";
import { changesIn } from "./pendingChanges.ts";
import type { Store, StoreReader, StoreWriter } from "./port.ts";

export interface LmdbOptions {
  /** For everybody but the writer. The store has to exist. */
  readonly readOnly?: boolean;
  /** Of the machine's present run; another one than the file's checkpoint says means a power cut, or a restart. Default: the kernel's. */
  readonly bootId?: string;
  /** How often the writer looks for readers that have died in a snapshot, whose pages nobody may use again. Default 10 s. */
  readonly readerCheckMs?: number;
}

export interface CopyableStore extends Store {
  /** The machine went down while the store was written: what was not flushed is gone. False for a reader. */
  readonly wasCut: boolean;
  /**
   * Writes the latest snapshot, without free pages, into a folder that is there and empty; the writer goes on meanwhile. Not
   * synced. Throws `storeFull`.
   */
  copyTo(folder: string): Promise<void>;
}

/** The first map; it doubles when the file outgrows it, and each time readers have to map it again. */
const MAP_BYTES_START = 64 * 1024 * 1024;

const READER_CHECK_MS = 10_000;

/**
 * Opens the store in `folder` as its only writer (made when missing, 0700), or read-only beside it. Entries that dead
 * readers left are cleared. Throws `notFound` (read-only, no store), `storeDamaged`, `storeFull`, `refused`.
 */
export function openLmdbStore(folder: string, options: LmdbOptions = {}): CopyableStore {
  const readOnly = options.readOnly === true;
  const boot = options.bootId ?? bootId();
  if (readOnly) prepareForReading(folder, boot);
  const { wasCut, takenBack } = readOnly ? AS_IT_IS : prepareForWriting(folder, boot);
  try {
    const place = realpathSync(folder);
    assert(!openFolders.has(place), `a process opens the store ${folder} once`);
    const database = openDatabase(place, readOnly);
    openFolders.add(place);
    try {
      redo(database, takenBack?.entries ?? []);
      const store = new LmdbStore(database, place, options, { boot, wasCut });
      if (!readOnly) finishMaking(place);
      return store;
    } catch (error) {
      openFolders.delete(place);
      void database.close();
      throw lmdbFailure(error, folder);
    }
  } finally {
    takenBack?.end();
  }
}

const AS_IT_IS = { wasCut: false, takenBack: null } as const;

/** For a store that nobody has open, so that readers find it sound though no writer comes. Throws as openLmdbStore. */
export async function restoreAfterPowerCut(folder: string): Promise<void> {
  if (needsWriter(folder)) await openLmdbStore(folder).close();
}

/** What was flushed after the checkpoint. The first flush of the store makes it a part of the next one. */
function redo(database: Database, entries: readonly Buffer[]): void {
  if (entries.length === 0) return;
  database.transactionSync(() => {
    for (const entry of entries) {
      for (const { key, value } of changesIn(entry)) {
        if (value === null) database.removeSync(key);
        else database.putSync(key, value);
      }
    }
  });
}

/**
 * A process that opens an environment twice loses its file locks with the first close of either (fcntl), and the next
 * process then takes the table of readers for abandoned.
 */
const openFolders = new Set<string>();

function openDatabase(folder: string, readOnly: boolean): Database {
  const settings = {
    path: folder,
    noSubdir: false,
    readOnly,
    encoding: "binary" as const,
    keyEncoding: "binary" as const,
    overlappingSync: false,
    noSync: true,
    mapSize: MAP_BYTES_START,
    permissionsMode: 0o600,
  };
  try {
    return open<Uint8Array, Uint8Array>(settings);
  } catch (error) {
    throw lmdbFailure(error, folder);
  }
}

class LmdbStore implements CopyableStore {
  readonly wasCut: boolean;
  private readonly database: Database;
  private readonly folder: string;
  /** Null for a reader. */
  private readonly flusher: Flusher | null;
  private readonly readerCheckMs: number;
  private readersCheckedAtMs = performance.now();
  private inTransaction = false;
  private closed = false;

  constructor(
    database: Database,
    folder: string,
    options: LmdbOptions,
    { boot, wasCut }: { readonly boot: string; readonly wasCut: boolean },
  ) {
    this.database = database;
    this.folder = folder;
    this.wasCut = wasCut;
    const flushing = { file: dataFileOf(folder), bootId: boot, hold: () => this.hold() };
    this.flusher = options.readOnly === true ? null : new Flusher(flushing);
    this.readerCheckMs = options.readerCheckMs ?? READER_CHECK_MS;
  }

  read<Result>(body: (reader: StoreReader) => Result): Result {
    this.enter();
    try {
      // lmdb-js keeps a snapshot until the next turn of the event loop; a new one sees what others committed meanwhile.
      this.database.resetReadTxn();
      const snapshot = this.database.useReadTransaction();
      const view = new LmdbView(this.database, snapshot);
      try {
        return body(view);
      } finally {
        view.end();
        snapshot.done();
        this.database.resetReadTxn();
      }
    } catch (error) {
      throw isOfLmdb(error) ? lmdbReadFailure(error, this.folder) : error;
    } finally {
      this.inTransaction = false;
    }
  }

  write<Result>(body: (writer: StoreWriter) => Result): Result {
    const { flusher } = this;
    assert(flusher !== null, "only the writer writes");
    flusher.check();
    this.enter();
    const { pending } = flusher;
    const view = new WritableLmdbView(this.database, pending);
    pending.begin();
    let outcome: { readonly result: Result } | null = null;
    try {
      this.database.transactionSync(() => {
        try {
          outcome = { result: body(view) };
        } finally {
          view.end();
        }
      });
    } catch (error) {
      pending.takeBack();
      if (!isOfLmdb(error)) throw error;
      const failure = this.writeFailure(error, flusher, view);
      this.inTransaction = false;
      if (failure.code === "storeFull") flusher.foundFull();
      throw failure;
    } finally {
      this.inTransaction = false;
    }
    flusher.committed();
    this.clearReaders();
    return resultOf(outcome);
  }

  async flushed(): Promise<void> {
    await this.flusher?.flushed();
  }

  async copyTo(folder: string): Promise<void> {
    assert(!this.closed && !this.inTransaction, "an open store is copied, outside of transactions");
    try {
      await this.database.backup(folder, true);
    } catch (error) {
      throw lmdbFailure(error, folder);
    }
  }

  async close(): Promise<void> {
    if (this.closed) return;
    assert(!this.inTransaction, "a store is not closed inside a transaction");
    this.closed = true;
    try {
      await this.flusher?.flushed();
    } finally {
      await this.flusher?.close();
      await this.database.close();
      openFolders.delete(this.folder);
    }
  }

  /** A snapshot of the latest state, until what is returned is called. */
  private hold(): () => void {
    this.database.resetReadTxn();
    const snapshot = this.database.useReadTransaction();
    this.database.resetReadTxn();
    return () => snapshot.done();
  }

  /** lmdb-js says nothing of a put that failed: the commit then only finds the transaction void. */
  private writeFailure(error: unknown, flusher: Flusher, view: WritableLmdbView): QrewError {
    if (isInputOutput(error)) flusher.checkDisk();
    if (isVoidTransaction(error) && view.lastKey !== null) {
      try {
        this.database.resetReadTxn();
        this.database.get(view.lastKey);
      } catch (cause) {
        return lmdbReadFailure(cause, this.folder);
      }
    }
    return lmdbFailure(error, this.folder);
  }

  /** lmdb-js does so by itself only in its asynchronous writes. */
  private clearReaders(): void {
    const nowMs = performance.now();
    if (nowMs - this.readersCheckedAtMs < this.readerCheckMs) return;
    this.readersCheckedAtMs = nowMs;
    this.database.readerCheck();
  }

  private enter(): void {
    assert(!this.closed, `the store ${this.folder} is open`);
    assert(!this.inTransaction, "a transaction is not begun inside another");
    this.inTransaction = true;
  }
}

function resultOf<Result>(outcome: { readonly result: Result } | null): Result {
  assert(outcome !== null, "a committed transaction has run its body");
  return outcome.result;
}
