/** What LMDB and the system under it report, as the errors that the port promises. */
import { QrewError } from "../../protocol/errors.ts";
import { damagedStore } from "./storeDamage.ts";

type Kind = "full" | "damaged" | "readersFull" | "notAllowed" | "other";

const EIO = 5;
const MDB_BAD_TXN = -30_782;

const KINDS: ReadonlyMap<unknown, Kind> = new Map<unknown, Kind>([
  // errno as a number comes from LMDB, as a name from node:fs.
  [EIO, "full"],
  [27, "full"], // EFBIG, a file size limit
  [28, "full"], // ENOSPC
  [122, "full"], // EDQUOT
  ["EIO", "full"],
  ["EFBIG", "full"],
  ["ENOSPC", "full"],
  ["EDQUOT", "full"],
  ["EACCES", "notAllowed"],
  ["EPERM", "notAllowed"],
  ["EROFS", "notAllowed"],
  [-30_797, "damaged"], // MDB_PAGE_NOTFOUND
  [-30_796, "damaged"], // MDB_CORRUPTED
  [-30_795, "full"], // MDB_PANIC: an earlier failure of the disk
  [-30_794, "damaged"], // MDB_VERSION_MISMATCH
  [-30_793, "damaged"], // MDB_INVALID
  [-30_792, "full"], // MDB_MAP_FULL
  [-30_790, "readersFull"], // MDB_READERS_FULL
  [MDB_BAD_TXN, "full"], // a write in it failed before; what is readable is not damaged
  [-30_779, "damaged"], // MDB_PROBLEM: an inconsistency found while committing
]);

/** Of node:fs a name, of LMDB a number; undefined where there is none. */
export const codeOf = (error: unknown): unknown =>
  error instanceof Error && "code" in error ? error.code : undefined;

/** lmdb-js throws plain errors: those with a number as code are LMDB's, everything else came out of a body. */
export const isOfLmdb = (error: unknown): boolean => typeof codeOf(error) === "number";

/** The disk failed, or (LMDB does not tell) a write was cut short because it is full. */
export const isInputOutput = (error: unknown): boolean => codeOf(error) === EIO;

export const isVoidTransaction = (error: unknown): boolean => codeOf(error) === MDB_BAD_TXN;

/** Of a read: a snapshot, which reads share while nothing is committed, is void once a page of it was found damaged. */
export function lmdbReadFailure(error: unknown, folder: string): QrewError {
  if (!isVoidTransaction(error)) return lmdbFailure(error, folder);
  return damagedStore(`The store ${folder} is damaged`, "a page of it could not be read before", {
    cause: error,
  });
}

/** As a QrewError; one that already is one stays. Whatever is not known is `internal`, with the original as its cause. */
export function lmdbFailure(error: unknown, folder: string): QrewError {
  if (error instanceof QrewError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  const options = { cause: error };
  switch (KINDS.get(codeOf(error)) ?? "other") {
    case "full":
      return new QrewError(
        "storeFull",
        `The store ${folder} cannot be written (${detail}): free space on its disk, or set QREW_HOME to another one.`,
        [],
        options,
      );
    case "damaged":
      return damagedStore(`The store ${folder} is damaged`, detail, options);
    case "readersFull":
      return new QrewError(
        "refused",
        `Too many programs look at the store ${folder} at the same time: end some and try again.`,
        [],
        options,
      );
    case "notAllowed":
      return new QrewError(
        "refused",
        `The store ${folder} may not be opened (${detail}): it belongs to another user, or its disk is read-only.`,
        [],
        options,
      );
    case "other":
      return new QrewError("internal", `The store ${folder} failed: ${detail}`, [], options);
  }
}
