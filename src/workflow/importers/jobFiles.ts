/** The files of a folder on this machine, for importers that have to know what is there. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import type { JobFiles } from "./importing.ts";

/** A nested workflow; those that people write have kilobytes. */
const NESTED_BYTES_MAX = 16 * 1024 * 1024;

/** A folder with more is none that somebody has each file processed of. */
const NAMES_MAX = 1_000_000;

/** `folder` is absolute, or null for a fresh one, in which nothing is yet. */
export function jobFilesOf(folder: string | null): JobFiles {
  const absolute = (name: string): string | null =>
    path.isAbsolute(name) ? name : folder === null ? null : path.join(folder, name);
  return {
    exists: (name) => {
      const file = absolute(name);
      return file !== null && existsSync(file);
    },
    list: (name) => {
      const folder = absolute(name);
      if (folder === null) return null;
      try {
        const names = readdirSync(folder);
        return names.length <= NAMES_MAX ? names.toSorted() : null;
      } catch {
        return null;
      }
    },
    read: (name, bytesMax = NESTED_BYTES_MAX) => {
      const file = absolute(name);
      if (file === null) return null;
      try {
        const stats = statSync(file);
        return stats.isFile() && stats.size <= bytesMax ? readFileSync(file) : null;
      } catch {
        return null;
      }
    },
  };
}
