/**
 * What is looked at before LMDB gets a folder, because LMDB cannot be asked: its binding crashes the process when an
 * open fails (seen with 3.5.6), and a page that lies beyond the end of the file is a SIGBUS when it is read.
 */
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import path from "node:path";
import { QrewError } from "../../protocol/errors.ts";
import { lmdbFailure } from "./lmdbErrors.ts";

const DATA_FILE = "data.mdb";
const LOCK_FILE = "lock.mdb";

/** A page header and what we read of the meta record behind it. */
const META_BYTES = 168;
const PAGE_HEADER_BYTES = 24;
const PAGE_FLAG_META = 0x08;
const META_MAGIC = 0xbeefc0de;
/** The file format of lmdb-js 3. */
const DATA_VERSION = 2;

/**
 * The table of readers, made in full before LMDB maps it, since a hole that cannot be filled on a full disk would be a
 * SIGBUS. 64 KiB have room for about 1,000 readers: every process that looks at the store holds one or two.
 */
const LOCK_FILE_BYTES = 64 * 1024;

/** What a new environment needs at once; tried before, since a failing open is not survived. */
const NEW_STORE_BYTES = 64 * 1024;

export interface StoreFile {
  /** Bytes that the committed state may refer to. */
  readonly expectedBytes: number;
  /** Bytes that the file has. Fewer is legal (free pages at the end are not written) and a sign of a cut file. */
  readonly bytes: number;
}

/** Makes the folder (0700) where needed and checks what is there. Null for a store that is new. */
export function prepareForWriting(folder: string): StoreFile | null {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    makeLockFile(path.join(folder, LOCK_FILE));
    checkOpens(path.join(folder, LOCK_FILE), "r+");
    const data = path.join(folder, DATA_FILE);
    const found = existsSync(data) ? inspect(data, "r+") : null;
    if (found === null) tryToWrite(path.join(folder, "probe"));
    return found;
  } catch (error) {
    throw lmdbFailure(error, folder);
  }
}

/** Throws `notFound` where no store is (yet). */
export function prepareForReading(folder: string): void {
  const data = path.join(folder, DATA_FILE);
  try {
    const found = existsSync(data) ? inspect(data, "r") : null;
    if (found === null)
      throw new QrewError("notFound", `There is no store at ${folder}: nothing was run there yet.`);
    // A reader registers itself in the lock file, so it has to be able to write there.
    if (existsSync(path.join(folder, LOCK_FILE))) checkOpens(path.join(folder, LOCK_FILE), "r+");
  } catch (error) {
    throw lmdbFailure(error, folder);
  }
}

export const dataFileOf = (folder: string): string => path.join(folder, DATA_FILE);

function makeLockFile(file: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(file, "wx", 0o600);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return;
    throw error;
  }
  try {
    writeAll(descriptor, LOCK_FILE_BYTES);
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

function tryToWrite(probe: string): void {
  const descriptor = openSync(probe, "w", 0o600);
  try {
    writeAll(descriptor, NEW_STORE_BYTES);
  } finally {
    closeSync(descriptor);
    rmSync(probe, { force: true });
  }
}

function writeAll(descriptor: number, bytes: number): void {
  const zeros = new Uint8Array(bytes);
  for (let written = 0; written < bytes; ) written += writeSync(descriptor, zeros, written);
}

const checkOpens = (file: string, mode: "r" | "r+"): void => closeSync(openSync(file, mode));

/** Null for an empty file, which LMDB treats as a new one. Throws `storeDamaged` for what is no store of ours. */
function inspect(file: string, mode: "r" | "r+"): StoreFile | null {
  const descriptor = openSync(file, mode);
  try {
    const bytes = fstatSync(descriptor).size;
    if (bytes === 0) return null;
    const first = readMeta(descriptor, 0, file);
    const second = readMeta(descriptor, first.pageBytes, file);
    const latest = first.transaction >= second.transaction ? first : second;
    const expected = (latest.lastPage + 1n) * BigInt(first.pageBytes);
    return { expectedBytes: Number(expected), bytes };
  } finally {
    closeSync(descriptor);
  }
}

interface Meta {
  readonly pageBytes: number;
  readonly lastPage: bigint;
  readonly transaction: bigint;
}

/** Little-endian as written by the machine itself; a file of a machine of the other kind has no such magic. */
function readMeta(descriptor: number, position: number, file: string): Meta {
  const page = Buffer.alloc(META_BYTES);
  const read = readSync(descriptor, page, 0, META_BYTES, position);
  if (read < META_BYTES) throw damaged(file, "it is cut off");
  const isMeta = (page.readUInt16LE(18) & PAGE_FLAG_META) !== 0;
  const meta = page.subarray(PAGE_HEADER_BYTES);
  if (!isMeta || meta.readUInt32LE(0) !== META_MAGIC) throw damaged(file, "it is no LMDB file");
  const version = meta.readUInt16LE(4);
  if (version !== DATA_VERSION) throw damaged(file, `its format is ${version}, not ${DATA_VERSION}`);
  const pageBytes = meta.readUInt32LE(24);
  if (pageBytes < 512 || pageBytes > 65_536) throw damaged(file, `its page size is ${pageBytes}`);
  return { pageBytes, lastPage: meta.readBigUInt64LE(120), transaction: meta.readBigUInt64LE(128) };
}

const damaged = (file: string, why: string): QrewError =>
  new QrewError(
    "storeDamaged",
    `The store ${file} cannot be read: ${why}. Move its folder away to start with an empty one; the jobs in it are lost.`,
  );
