/**
 * What was committed since the last checkpoint (lmdbCheckpoint.ts), once more, in a file beside the data: a flush of a few small commits
 * is then one write and one sync, where a checkpoint takes two, of which the first writes pages here and there. After a power cut the
 * data file is taken back to its checkpoint, and what the journal has is done again.
 *
 * Entries stand one after another from the beginning of the file, each from a sector of its own on. The digest of an entry is of the
 * digest before it, and of what it says; the first one's is of the checkpoint's. So an entry counts after that checkpoint and those
 * entries alone: what earlier ones have left is not taken for one, nor is one that was not written in full. The file is filled when it
 * is made: an entry needs no room on the disk, and its sync writes its sectors and nothing else.
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  write,
  writeSync,
} from "node:fs";
import path from "node:path";
import { ENTRY_HEADER_BYTES, type PendingChanges } from "./pendingChanges.ts";
import { writeZeros } from "./writeZeros.ts";

/** Of a busy store between two checkpoints. */
const JOURNAL_BYTES = 256 * 1024;
const SECTOR_BYTES = 512;
/** At the beginning of an entry; the length of its changes follows, and ends the header. */
const DIGEST_BYTES = 32;
export const journalFileOf = (dataFile: string): string => path.join(path.dirname(dataFile), "journal");

/** An entry that has its place in the file. */
export interface JournalEntry {
  readonly position: number;
  readonly bytes: Buffer;
}

export class Journal {
  readonly #file: string;
  readonly #descriptor: number;
  /** Of the last entry, or the checkpoint. */
  #digest: Buffer;
  #position = 0;

  /** Opens the file, or makes it; it is on disk when this returns. `digest` is of the checkpoint that was written last. Throws what the disk says. */
  constructor(file: string, digest: Buffer) {
    if (!existsSync(file) || statSync(file).size !== JOURNAL_BYTES) makeFile(file);
    this.#file = file;
    this.#digest = digest;
    this.#descriptor = openSync(file, "r+");
    try {
      // Its name too: whoever made it may have died before. A journal that nobody finds has kept nothing.
      syncFolder(path.dirname(file));
    } catch (error) {
      closeSync(this.#descriptor);
      throw error;
    }
  }

  /** A checkpoint with this digest is on disk: what the journal has is in it. */
  restart(digest: Buffer): void {
    this.#digest = digest;
    this.#position = 0;
  }

  /** Null where they find no room: then it is time for a checkpoint. The bytes are those of `changes`: valid until the next change. */
  entryOf(changes: PendingChanges): JournalEntry | null {
    const bytes = changes.entry();
    if (bytes === null || this.#position + bytes.length > JOURNAL_BYTES) return null;
    bytes.writeUInt32LE(bytes.length - ENTRY_HEADER_BYTES, DIGEST_BYTES);
    digestOf(this.#digest, bytes).copy(bytes);
    return { position: this.#position, bytes };
  }

  /** False where it found no room for all of it. */
  writeNow({ bytes, position }: JournalEntry): boolean {
    try {
      return writeSync(this.#descriptor, bytes, 0, bytes.length, position) === bytes.length;
    } catch {
      return false;
    }
  }

  writeAway({ bytes, position }: JournalEntry): Promise<boolean> {
    return new Promise((resolve) => {
      write(this.#descriptor, bytes, 0, bytes.length, position, (error, written) =>
        resolve(error === null && written === bytes.length),
      );
    });
  }

  syncNow(): void {
    fdatasyncSync(this.#descriptor);
  }

  syncAway(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#descriptor, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  /** The entry is on disk. */
  wrote({ bytes, position }: JournalEntry): void {
    this.#digest = Buffer.from(bytes.subarray(0, DIGEST_BYTES));
    this.#position = positionAfter(position, bytes);
  }

  /** False if it was moved or removed: nobody would look into it after a power cut. */
  isInPlace(): boolean {
    return statSync(this.#file, { throwIfNoEntry: false })?.ino === fstatSync(this.#descriptor).ino;
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/**
 * The entries behind a checkpoint, the first one first, without their headers. What lies behind them is not read. Throws what the disk
 * says; something else in the place of the file has no entries.
 */
export function readJournal(file: string, checkpointDigest: Buffer): readonly Buffer[] {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return [];
  const descriptor = openSync(file, "r");
  try {
    const found: Buffer[] = [];
    let before = checkpointDigest;
    let position = 0;
    for (
      let entry = readEntry(descriptor, position);
      entry !== null;
      entry = readEntry(descriptor, position)
    ) {
      const digest = entry.subarray(0, DIGEST_BYTES);
      if (!digestOf(before, entry).equals(digest)) break;
      found.push(entry.subarray(ENTRY_HEADER_BYTES));
      before = digest;
      position = positionAfter(position, entry);
    }
    return found;
  } finally {
    closeSync(descriptor);
  }
}

/** Null where nothing lies that could be one. */
function readEntry(descriptor: number, position: number): Buffer | null {
  const header = Buffer.alloc(ENTRY_HEADER_BYTES);
  if (readSync(descriptor, header, 0, header.length, position) < header.length) return null;
  const length = ENTRY_HEADER_BYTES + header.readUInt32LE(DIGEST_BYTES);
  if (position + length > JOURNAL_BYTES) return null;
  const entry = Buffer.alloc(length);
  return readSync(descriptor, entry, 0, length, position) < length ? null : entry;
}

const positionAfter = (position: number, entry: Buffer): number =>
  position + Math.ceil(entry.length / SECTOR_BYTES) * SECTOR_BYTES;

const digestOf = (before: Buffer, entry: Buffer): Buffer =>
  createHash("sha256").update(before).update(entry.subarray(DIGEST_BYTES)).digest();

/** In full, or not under its name. */
function makeFile(file: string): void {
  const fresh = `${file}.new`;
  const descriptor = openSync(fresh, "w", 0o600);
  try {
    writeZeros(descriptor, JOURNAL_BYTES);
    fsyncSync(descriptor);
    renameSync(fresh, file);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

function syncFolder(name: string): void {
  const folder = openSync(name, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
