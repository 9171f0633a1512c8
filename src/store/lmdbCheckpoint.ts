/**
 * The checkpoint of an LMDB file: the state that is known to be on disk, so that a power cut takes the file back to it.
 *
 * Commits are not synced: pages and meta page go to the page cache, and the system writes them when and in which order it likes.
 * The death of a process takes nothing from the page cache, but after a power cut a meta page may be there without its pages. So
 * a copy of the meta record of a state whose pages have been synced is kept in the file itself, in two places that take turns,
 * each a sector of its own in a meta page, of which LMDB uses only the beginning. Whoever opens the store for writing after the
 * machine was started anew puts that record back, and does again what was flushed after it (lmdbJournal.ts). Until the next checkpoint
 * the writer holds a snapshot of that state, as any reader does, so that LMDB does not use its pages again.
 */
import { createHash, randomFillSync } from "node:crypto";
import { closeSync, fdatasyncSync, openSync, readSync, writeSync } from "node:fs";
import { QrewError } from "../../protocol/errors.ts";
import { journalFileOf, readJournal } from "./lmdbJournal.ts";
import {
  META_BYTES,
  META_PAGES,
  META_TRANSACTION_AT,
  PAGE_HEADER_BYTES,
  readLatestMeta,
  readLatestRecord,
} from "./lmdbMeta.ts";
import { takeGuard } from "./restoringGuard.ts";

/** Which checkpoint of a file it is. */
export interface Mark {
  /** 0 or 1. */
  readonly place: number;
  /** Grows with each: two of them may be of the same state. */
  readonly sequence: number;
}

/** A checkpoint as bytes, and where they go. */
export interface Checkpoint {
  readonly mark: Mark;
  readonly position: number;
  /** Where the one before it lies. */
  readonly otherPosition: number;
  readonly record: Buffer;
  /** Of the record, at its end. */
  readonly digest: Buffer;
}

interface Found extends Mark {
  /** It was the writer's last act: nothing was committed after it. */
  readonly isLast: boolean;
  readonly transaction: number;
  readonly bootId: string;
  /** The meta record, as LMDB wrote it. */
  readonly meta: Buffer;
  readonly digest: Buffer;
}

/** From the end of the meta page: its last two sectors of 512 bytes, of which the first is used. */
const FROM_PAGE_END_BYTES = 1024;
const RECORD_BYTES = 512;
const MAGIC = Buffer.from("QREWCKP1");
const BOOT_ID_BYTES = 40;
const DIGEST_BYTES = 32;
const META_AT = MAGIC.length + BOOT_ID_BYTES;
const LAST_AT = META_AT + META_BYTES;
const SEQUENCE_AT = LAST_AT + 8;
/** Random, so that no two checkpoints have one digest: what the journal has behind one is never taken for the other's. */
const SALT_AT = SEQUENCE_AT + 8;
const SALT_BYTES = 16;

/**
 * Of the state that was committed last, to be written once its pages are on disk; not in the place of the one before it. `isLast`:
 * nothing is committed any more.
 */
export function nextCheckpoint(
  descriptor: number,
  file: string,
  bootId: string,
  { before, isLast = false }: { readonly before: Mark | null; readonly isLast?: boolean },
): Checkpoint {
  const { record: meta, pageBytes } = readLatestRecord(descriptor, file);
  const place = before === null ? 0 : (before.place + 1) % META_PAGES;
  const sequence = (before?.sequence ?? 0) + 1;
  const record = Buffer.alloc(RECORD_BYTES);
  MAGIC.copy(record);
  record.write(bootId, MAGIC.length, BOOT_ID_BYTES, "latin1");
  meta.copy(record, META_AT);
  record.writeUInt8(isLast ? 1 : 0, LAST_AT);
  record.writeDoubleLE(sequence, SEQUENCE_AT);
  randomFillSync(record, SALT_AT, SALT_BYTES);
  const digest = digestOf(record);
  digest.copy(record, RECORD_BYTES - DIGEST_BYTES);
  const otherPosition = positionOf((place + 1) % META_PAGES, pageBytes);
  return { mark: { place, sequence }, position: positionOf(place, pageBytes), otherPosition, record, digest };
}

/** The latest checkpoint; null where there is none. */
export const latestMark = (descriptor: number, file: string): Mark | null =>
  findCheckpoint(descriptor, readLatestMeta(descriptor, file).pageBytes);

/** False once somebody else has written one: a later one into the other place, or one over this. */
export function isLatestCheckpoint(descriptor: number, checkpoint: Checkpoint): boolean {
  const { mark, digest, position, otherPosition } = checkpoint;
  const own = readPiece(descriptor, position + RECORD_BYTES - DIGEST_BYTES, DIGEST_BYTES);
  return (
    own.equals(digest) && readPiece(descriptor, otherPosition + SEQUENCE_AT, 8).readDoubleLE() < mark.sequence
  );
}

function readPiece(descriptor: number, position: number, length: number): Buffer {
  const piece = Buffer.alloc(length);
  readSync(descriptor, piece, 0, length, position);
  return piece;
}

const positionOf = (place: number, pageBytes: number): number =>
  (place + 1) * pageBytes - FROM_PAGE_END_BYTES;

/** True if the machine went down while the file was written: what was committed after its checkpoint is gone, or will be. */
export function wasCut(file: string, bootId: string): boolean {
  const descriptor = openSync(file, "r");
  try {
    const found = findCheckpoint(descriptor, readLatestMeta(descriptor, file).pageBytes);
    return found !== null && found.bootId !== bootId && !found.isLast;
  } finally {
    closeSync(descriptor);
  }
}

/** True if the data file is not what is known to be on disk, after the machine was started anew: it has more, or the journal has. */
export function needsRestoring(file: string, bootId: string): boolean {
  const descriptor = openSync(file, "r");
  try {
    const { pageBytes, transaction } = readLatestMeta(descriptor, file);
    const found = findCheckpoint(descriptor, pageBytes);
    if (found === null || found.bootId === bootId) return false;
    return found.transaction !== transaction || changesAfter(file, found).length > 0;
  } finally {
    closeSync(descriptor);
  }
}

const changesAfter = (file: string, { digest }: Found): readonly Buffer[] =>
  readJournal(journalFileOf(file), digest);

/** A file that was taken back to its checkpoint. */
export interface TakenBack {
  /** Entries of the journal, to be done again in this order. The next checkpoint then says that all is as it should be. */
  readonly entries: readonly Buffer[];
  /** To be called then, or when it came to nothing: others may open the store. */
  readonly end: () => void;
}

/**
 * Takes the file back to its checkpoint, if the machine was started anew since; null if not. Of several processes that open the store at
 * the same time one does so, and the others wait for it. Throws `refused` when that takes too long.
 */
export function restoreCheckpoint(file: string, bootId: string): TakenBack | null {
  const guard = `${file}.restoring`;
  const deadlineMs = performance.now() + RESTORE_MS_MAX;
  while (needsRestoring(file, bootId)) {
    const end = takeGuard(guard);
    if (end !== null) {
      try {
        if (needsRestoring(file, bootId)) return { entries: putBack(file), end };
      } catch (error) {
        end();
        throw error;
      }
      end();
    } else if (performance.now() < deadlineMs) {
      Atomics.wait(NOTHING_SHARED, 0, 0, RESTORE_LOOK_MS);
    } else {
      const message = `The store ${file} is being taken back to its last checkpoint by a process that does not end: if there is none, remove ${guard}.`;
      throw new QrewError("refused", message);
    }
  }
  return null;
}

/** It takes a few milliseconds. */
const RESTORE_MS_MAX = 10_000;
const RESTORE_LOOK_MS = 5;
const NOTHING_SHARED = new Int32Array(new SharedArrayBuffer(4));

/** Returns what the journal has beyond it. Whoever dies before the next checkpoint has changed nothing: it is done once more. */
function putBack(file: string): readonly Buffer[] {
  const descriptor = openSync(file, "r+");
  try {
    const { pageBytes } = readLatestMeta(descriptor, file);
    const found = findCheckpoint(descriptor, pageBytes);
    if (found === null) return [];
    for (let page = 0; page < META_PAGES; page++) {
      writeSync(descriptor, found.meta, 0, META_BYTES, page * pageBytes + PAGE_HEADER_BYTES);
    }
    fdatasyncSync(descriptor);
    return changesAfter(file, found);
  } finally {
    closeSync(descriptor);
  }
}

function findCheckpoint(descriptor: number, pageBytes: number): Found | null {
  let latest: Found | null = null;
  for (let place = 0; place < META_PAGES; place++) {
    const found = readCheckpoint(descriptor, place, pageBytes);
    if (found !== null && (latest === null || found.sequence > latest.sequence)) latest = found;
  }
  return latest;
}

/** Null where none was written, or not all of it. */
function readCheckpoint(descriptor: number, place: number, pageBytes: number): Found | null {
  const record = Buffer.alloc(RECORD_BYTES);
  const read = readSync(descriptor, record, 0, RECORD_BYTES, positionOf(place, pageBytes));
  if (read < RECORD_BYTES || MAGIC.compare(record, 0, MAGIC.length) !== 0) return null;
  const digest = record.subarray(RECORD_BYTES - DIGEST_BYTES);
  if (!digestOf(record).equals(digest)) return null;
  const meta = record.subarray(META_AT, META_AT + META_BYTES);
  return {
    place,
    sequence: record.readDoubleLE(SEQUENCE_AT),
    isLast: record.readUInt8(LAST_AT) === 1,
    transaction: Number(meta.readBigUInt64LE(META_TRANSACTION_AT)),
    bootId: record.toString("latin1", MAGIC.length, META_AT).replace(/\0+$/, ""),
    meta,
    digest,
  };
}

const digestOf = (record: Buffer): Buffer =>
  createHash("sha256")
    .update(record.subarray(0, RECORD_BYTES - DIGEST_BYTES))
    .digest();
