/** One process at a time takes a store back after a power cut. A file says which, so that nobody waits for one that has died on the way. */
import {
  closeSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import * as v from "valibot";
import { isLiving, ownName, type ProcessName } from "../node/process.ts";
import { codeOf } from "./lmdbErrors.ts";
import { processFields } from "./processFields.ts";

/** A file that does not say whose it is yet, or never will: written a moment after it is made. */
const UNSIGNED_MS = 2000;

const signatureSchema: v.GenericSchema<unknown, ProcessName> = v.strictObject(processFields);

/** Returns what gives it back; null while another process has it, which is to be looked at again. */
export function takeGuard(file: string): (() => void) | null {
  if (make(file)) return () => rmSync(file, { force: true });
  const found = read(file);
  if (found !== null && isAbandoned(file, found)) clearAway(file, found);
  return null;
}

function make(file: string): boolean {
  let descriptor: number;
  try {
    descriptor = openSync(file, "wx", 0o600);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
  try {
    writeSync(descriptor, JSON.stringify(ownName()));
  } finally {
    closeSync(descriptor);
  }
  return true;
}

/** Null where it is gone. */
function read(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
}

function isAbandoned(file: string, found: string): boolean {
  const signature = v.safeParse(v.pipe(v.string(), v.parseJson(), signatureSchema), found);
  if (signature.success) return !isLiving(signature.output);
  const madeMs = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
  return Date.now() - madeMs > UNSIGNED_MS;
}

/** Another process may have done so meanwhile, and have made its own: that one is put back. */
function clearAway(file: string, found: string): void {
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
    if (read(aside) !== found) linkSync(aside, file);
  } catch (error) {
    if (codeOf(error) !== "ENOENT" && codeOf(error) !== "EEXIST") throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}
