/** Which documents the manager plans in its own event loop: where that takes less than handing them to a thread and back. */
import type { PlannerRequest } from "./plannerMessages.ts";

/** Planned in 0.1 ms. */
const PLAIN_BYTES_MAX = 4096;

/**
 * What makes a document more than a list of tasks: arrays, which may have a million elements, and files of other tools; names may be hidden
 * in escapes.
 */
const MORE = /foreach|\\u|"(?:rules|workflow|specification)"/;

const OTHER_ENDING = /\.(?!json$)[a-z]+$/i;

/** Short JSON of qrew's own, in which no number stands for work. */
export function isPlain({ document, source, settings }: PlannerRequest): boolean {
  if (document.type !== "bytes" || document.bytes.length > PLAIN_BYTES_MAX) return false;
  if (settings.format !== null && settings.format !== "qrew") return false;
  if (OTHER_ENDING.test(source)) return false;
  const text = Buffer.from(document.bytes.buffer, document.bytes.byteOffset, document.bytes.length).toString(
    "latin1",
  );
  return text.startsWith("{") && !MORE.test(text);
}
