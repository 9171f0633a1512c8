/**
 * From bytes to a value, with a way to find the line and column of any part of it. Whatever the bytes are, this ends soon
 * and within bounded memory, and never overflows the stack.
 */
import { isUtf8 } from "node:buffer";
import { DOCUMENT_BYTES_MAX } from "../../protocol/limits.ts";
import { type FaultList, wholeDocument } from "./fault.ts";
import type { ReadDocument } from "./reading.ts";
import { readJson } from "./readJson.ts";
import { readYaml } from "./readYaml.ts";

const BOM_BYTES = 3;

/**
 * JSON if the source ends with `.json`, or begins with `{` or `[` and does not end with `.yaml` or `.yml`; else YAML. Null
 * after faults, which have no paths.
 */
export function readDocumentContent(content: Buffer, source: string, faults: FaultList): ReadDocument | null {
  return isJsonDocument(content, source) ? readJson(content, faults) : readYaml(content, faults);
}

/** The text without a byte order mark, or null after a fault: too large, no UTF-8, or nothing in it. */
export function readableContent(bytes: Uint8Array, faults: FaultList): Buffer | null {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const problem = unreadable(buffer);
  if (problem !== null) {
    faults.add(wholeDocument, problem);
    return null;
  }
  const hasBom = buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf;
  const content = hasBom ? buffer.subarray(BOM_BYTES) : buffer;
  if (firstByte(content) !== null) return content;
  faults.add(wholeDocument, "The document is empty: write a list of tasks, or an object with tasks.");
  return null;
}

export function isJsonDocument(content: Buffer, source: string): boolean {
  const first = firstByte(content);
  const bracketed = first === 0x7b || first === 0x5b;
  return /\.json$/i.test(source) || (bracketed && !/\.ya?ml$/i.test(source));
}

function unreadable(buffer: Buffer): string | null {
  if (buffer.length > DOCUMENT_BYTES_MAX) {
    return `The document has ${buffer.length} bytes, at most ${DOCUMENT_BYTES_MAX} are read: use foreach, or split it.`;
  }
  if ((buffer[0] === 0xff && buffer[1] === 0xfe) || (buffer[0] === 0xfe && buffer[1] === 0xff)) {
    return "The document is UTF-16 text: save it as UTF-8.";
  }
  const nul = buffer.indexOf(0);
  if (nul >= 0)
    return `The document is no text, it has a NUL byte at offset ${nul}: give a YAML or JSON file; a program is run by \`qrew run -- PROGRAM\`.`;
  return isUtf8(buffer) ? null : "The document is no UTF-8 text: give a YAML or JSON file, saved as UTF-8.";
}

/** The first byte that is no white space. */
function firstByte(buffer: Buffer): number | null {
  for (const byte of buffer)
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return byte;
  return null;
}
