/** Output files of attempts that nobody knows any more: whoever was to remove them was killed before. */
import { readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { type AttemptId, spoolFileName } from "../protocol/ids.ts";

/** Names as `spoolFileName` makes them; what the forkserver calls its own is its. */
const OF_ATTEMPT = /^(\d+-\d+-\d+)\.(out|err)(\.\w+)?$/;

const stemOf = (name: string): string | null => OF_ATTEMPT.exec(name)?.[1] ?? null;

/** Before anything is started, and after those that go on have been listed. */
export function sweepSpool(spoolFolder: string, known: readonly AttemptId[]): void {
  const kept = new Set(known.map((id) => stemOf(spoolFileName(id, "stdout"))));
  // Links to the files of documents are in a folder of their own in it.
  for (const name of readdirSync(spoolFolder, { recursive: true, encoding: "utf8" })) {
    const stem = stemOf(path.basename(name));
    if (stem !== null && !kept.has(stem)) rmSync(path.join(spoolFolder, name), { force: true });
  }
}
