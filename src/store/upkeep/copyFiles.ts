/** Copies a folder of files that may go while it is copied. */
import { constants, copyFileSync, lstatSync, mkdirSync, opendirSync } from "node:fs";
import path from "node:path";
import { QrewError } from "../../../protocol/errors.ts";
import { syncFile } from "./copyStore.ts";

/** Folders and plain files, on disk when it returns; where the file system can, without a copy of the bytes. Returns their bytes. */
export function copyFiles(source: string, target: string): number {
  mkdirSync(target, { recursive: true, mode: 0o700 });
  let bytes = 0;
  const folder = opendirSync(source);
  try {
    for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) {
      const from = path.join(source, entry.name);
      const to = path.join(target, entry.name);
      if (entry.isDirectory()) bytes += copyFiles(from, to);
      else if (entry.isFile()) bytes += copyFile(from, to);
    }
  } finally {
    folder.closeSync();
  }
  syncFile(target);
  return bytes;
}

/** 0 for one that is gone: of a job that is deleted. */
function copyFile(from: string, to: string): number {
  try {
    const { size } = lstatSync(from);
    copyFileSync(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    syncFile(to);
    return size;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") return 0;
    const why = error instanceof Error ? error.message : String(error);
    throw new QrewError(
      "storeFull",
      `${from} cannot be copied (${why}): make room, or choose another disk.`,
      [],
      {
        cause: error,
      },
    );
  }
}
