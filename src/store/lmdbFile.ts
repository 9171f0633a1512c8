/**
 * What is looked at before LMDB gets a folder, because LMDB cannot be asked: its binding crashes the process when an
 * open fails (seen with 3.5.6), and what it finds in the file it trusts.
 */
import { closeSync, existsSync, mkdirSync, openSync, rmSync, statSync, truncateSync } from "node:fs";
import path from "node:path";
import { QrewError } from "../../protocol/errors.ts";
import { bootId } from "../node/process.ts";
import { needsRestoring, restoreCheckpoint, type TakenBack, wasCut } from "./lmdbCheckpoint.ts";
import { lmdbFailure } from "./lmdbErrors.ts";
import { dataFileOf, type FileExtent, unreadable } from "./lmdbMeta.ts";
import { surveyPages, surveyRoots } from "./pageSurvey.ts";
import { writeZeros } from "./writeZeros.ts";

const LOCK_FILE = "lock.mdb";

/** There while a store is being made: an empty file beside it has lost nothing. */
const BEGUN_FILE = "begun";

/**
 * The table of readers, made in full before LMDB maps it, since a hole that cannot be filled on a full disk would be a
 * SIGBUS. 64 KiB have room for about 1,000 readers: every process that looks at the store holds one or two.
 */
const LOCK_FILE_BYTES = 64 * 1024;

/** What a new environment needs at once; tried before, since a failing open is not survived. */
const NEW_STORE_BYTES = 64 * 1024;

/** What a writer finds. */
export interface Prepared {
  /** The machine went down while the store was written. */
  readonly wasCut: boolean;
  /** Null: the file is as it was left. */
  readonly takenBack: TakenBack | null;
}

/**
 * Makes the folder (0700) where needed, takes a store back to its checkpoint after a power cut, and checks what is there. Who gets a
 * `takenBack` ends it.
 */
export function prepareForWriting(folder: string, boot: string): Prepared {
  let takenBack: TakenBack | null = null;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    makeLockFile(path.join(folder, LOCK_FILE));
    checkOpens(path.join(folder, LOCK_FILE), "r+");
    const data = dataFileOf(folder);
    if (!existsSync(data)) closeSync(openSync(path.join(folder, BEGUN_FILE), "w", 0o600));
    if (isEmpty(folder)) {
      tryToWrite(path.join(folder, "probe"));
      return { wasCut: false, takenBack: null };
    }
    checkOpens(data, "r+");
    const isCut = wasCut(data, boot);
    takenBack = restoreCheckpoint(data, boot);
    const { bytes, expectedBytes } = inspect(data);
    // What is read there is then an error where it was a SIGBUS.
    if (bytes < expectedBytes) truncateSync(data, expectedBytes);
    return { wasCut: isCut, takenBack };
  } catch (error) {
    takenBack?.end();
    throw lmdbFailure(error, folder);
  }
}

/** Whether a store that nobody has open has to be opened by a writer before readers find it sound. Throws `storeDamaged`. */
export function needsWriter(folder: string): boolean {
  const data = dataFileOf(folder);
  try {
    return existsSync(data) && statSync(data).size > 0 && needsRestoring(data, bootId());
  } catch (error) {
    throw lmdbFailure(error, folder);
  }
}

/** LMDB has made the file: from now on it is never empty. */
export const finishMaking = (folder: string): void => rmSync(path.join(folder, BEGUN_FILE), { force: true });

/** Throws `notFound` where no store is (yet), `refused` where a power cut has left one that its writer has to restore. */
export function prepareForReading(folder: string, boot: string): void {
  try {
    if (isEmpty(folder))
      throw new QrewError("notFound", `There is no store at ${folder}: nothing was run there yet.`);
    if (needsRestoring(dataFileOf(folder), boot)) {
      const message = `The machine was started anew while the store ${folder} was written: \`qrew daemon start\` restores it.`;
      throw new QrewError("refused", message);
    }
    inspect(dataFileOf(folder));
    // A reader registers itself in the lock file, so it has to be able to write there.
    if (existsSync(path.join(folder, LOCK_FILE))) checkOpens(path.join(folder, LOCK_FILE), "r+");
  } catch (error) {
    throw lmdbFailure(error, folder);
  }
}

/** LMDB takes an empty file for a new one. Throws `storeDamaged` for one that was not always empty. */
function isEmpty(folder: string): boolean {
  const data = dataFileOf(folder);
  if (!existsSync(data)) return true;
  if (statSync(data).size > 0) return false;
  if (existsSync(path.join(folder, BEGUN_FILE))) return true;
  throw unreadable(data, "it is empty");
}

/**
 * A file that is shorter than its last page is either healthy (free pages at the end were never written) or cut: then all of it is
 * looked at.
 */
function inspect(file: string): FileExtent {
  const extent = surveyRoots(file);
  if (extent.bytes < extent.expectedBytes) surveyPages(file);
  return extent;
}

function makeLockFile(file: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(file, "wx", 0o600);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return;
    throw error;
  }
  try {
    writeZeros(descriptor, LOCK_FILE_BYTES);
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
    writeZeros(descriptor, NEW_STORE_BYTES);
  } finally {
    closeSync(descriptor);
    rmSync(probe, { force: true });
  }
}

const checkOpens = (file: string, mode: "r" | "r+"): void => closeSync(openSync(file, mode));
