/** What an attempt needs on disk before it starts: the files of its streams, and what it has promised. */
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import * as v from "valibot";
import type { AttemptPromise, Preparation } from "./core/events.ts";

/**
 * Makes the files that the streams go to, with their folders, as the task itself would; the spool file of each becomes a link
 * to its file. Nothing is made in a working folder that is not there: then the start of the attempt fails, and says so.
 */
export function prepareFiles({ folder, umask, links, promise }: Preparation): void {
  const before = process.umask(umask & 0o777);
  try {
    if (links.length > 0 && isFolder(folder)) for (const { target } of links) makeFile(target);
  } finally {
    process.umask(before);
  }
  for (const { link, target } of links) {
    makeFolder(path.dirname(link));
    // Of an attempt that was withdrawn: the next one has the same number.
    rmSync(link, { force: true });
    symlinkSync(target, link);
  }
  if (promise !== null) writeFileSync(promise.path, JSON.stringify(promise.made), { mode: 0o600 });
}

function isFolder(folder: string): boolean {
  try {
    return statSync(folder).isDirectory();
  } catch {
    return false;
  }
}

function makeFile(file: string): void {
  try {
    makeFolder(path.dirname(file));
    // What is there stays as it is until the attempt starts: it may be a pipe, which must not be waited for.
    closeSync(openSync(file, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY));
  } catch {
    // It is there already; or the start of the attempt fails for the same reason, and tells it.
  }
}

/** Not `recursive` of Node, which never ends where the kernel makes no folders (/proc). */
function makeFolder(folder: string): void {
  if (isFolder(folder)) return;
  makeFolder(path.dirname(folder));
  mkdirSync(folder);
}

const promiseSchema = v.strictObject({ folder: v.string(), outputs: v.array(v.string()) });

/** What an attempt has promised; null if it is not on disk. */
export function readPromise(file: string): AttemptPromise | null {
  try {
    return v.parse(promiseSchema, JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return null;
  }
}
