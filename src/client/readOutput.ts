/** What attempts have written: short output is in the store, long output in files that the store names. */
import { closeSync, createReadStream, fstatSync, openSync, readSync, statSync } from "node:fs";
import { QrewError } from "../../protocol/errors.ts";
import type { CapturedOutput } from "../../protocol/executorLink.ts";

export type StreamName = "stdout" | "stderr";

/** Read at once; a file of 64 MiB passes in 256 pieces. */
const PIECE_BYTES = 256 * 1024;

/** What is in a file that the document names; null unless it is a file, and has something in it. */
export function fileOutput(path: string): CapturedOutput | null {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isFile() || stat.size === 0) return null;
  return { type: "file", path, sizeBytes: stat.size, cutBytes: 0 };
}

/** All bytes as they were written, in pieces. Throws `notFound` when the file was removed. */
export async function* outputPieces(output: CapturedOutput): AsyncGenerator<Uint8Array> {
  if (output.type === "inline") {
    yield output.bytes;
    return;
  }
  try {
    for await (const piece of createReadStream(output.path, { highWaterMark: PIECE_BYTES })) {
      if (piece instanceof Uint8Array) yield piece;
    }
  } catch (error) {
    throw unreadable(output.path, error);
  }
}

/** The last bytes, at most `bytesMax`. Throws `notFound` when the file was removed. */
export function outputTail(output: CapturedOutput, bytesMax: number): Uint8Array {
  if (output.type === "inline") return output.bytes.subarray(Math.max(0, output.bytes.length - bytesMax));
  let descriptor: number;
  try {
    descriptor = openSync(output.path, "r");
  } catch (error) {
    throw unreadable(output.path, error);
  }
  try {
    const { size } = fstatSync(descriptor);
    const tail = Buffer.alloc(Math.min(size, bytesMax));
    const read = readSync(descriptor, tail, 0, tail.length, size - tail.length);
    return tail.subarray(0, read);
  } finally {
    closeSync(descriptor);
  }
}

function unreadable(path: string, error: unknown): QrewError {
  const why = error instanceof Error ? error.message : String(error);
  return new QrewError("notFound", `The output in ${path} cannot be read any more (${why}).`, [], {
    cause: error,
  });
}

/** No terminal shows more of a line, and a file without newlines is one line. */
const LINE_CHARACTERS_MAX = 1000;

/** The last `count` lines that have text, as UTF-8; what is no UTF-8 is replaced. `bytes` may begin within a line. */
export function lastLines(bytes: Uint8Array, count: number): readonly string[] {
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8").split(/\r?\n/);
  while (lines.at(-1)?.trim() === "") lines.pop();
  return lines.slice(-count).map((line) => currentText(line).slice(0, LINE_CHARACTERS_MAX));
}

/** A progress bar overwrites itself with carriage returns: what stands at the end is what was seen. */
function currentText(line: string): string {
  return line.slice(line.lastIndexOf("\r", line.length - 2) + 1).replace(/\r$/, "");
}
