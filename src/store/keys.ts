/**
 * Keys are unsigned 32-bit numbers, big-endian, so that their byte order is their numeric order; in the tables of outputs
 * one byte follows for the stream. The keys of `meta` are words.
 */
import { assert, QrewError } from "../../protocol/errors.ts";
import type { RangeOptions } from "./port.ts";

const U32_BYTES = 4;
const U32_MAX = 0xffff_ffff;

export function u32Key(...parts: readonly number[]): Uint8Array {
  return writeParts(parts, parts.length * U32_BYTES);
}

/** Numbers and one last byte. */
export function u32KeyWithByte(parts: readonly number[], last: number): Uint8Array {
  const key = writeParts(parts, parts.length * U32_BYTES + 1);
  key[key.length - 1] = last;
  return key;
}

function writeParts(parts: readonly number[], bytes: number): Buffer {
  const key = Buffer.allocUnsafe(bytes);
  let offset = 0;
  for (const part of parts) {
    assert(Number.isInteger(part) && part >= 0 && part <= U32_MAX, `${part} is part of a key`);
    offset = key.writeUInt32BE(part, offset);
  }
  return key;
}

/** Part number `index` (from 0) of a key. Throws `storeDamaged` when the key has no such part. */
export function keyPart(table: string, key: Uint8Array, index: number): number {
  const offset = index * U32_BYTES;
  if (key.length < offset + U32_BYTES) {
    throw new QrewError(
      "storeDamaged",
      `The table ${table} has a key that is too short (${describeKey(key)}).`,
    );
  }
  return new DataView(key.buffer, key.byteOffset, key.length).getUint32(offset);
}

/** All keys that begin with these numbers (at least one), whatever follows. */
export function keysUnder(...parts: readonly number[]): RangeOptions {
  const from = u32Key(...parts);
  const to = successor(parts);
  return to === null ? { from } : { from, to: u32Key(...to) };
}

/** The first key after all that begin with these numbers, as short as it gets; null when there is none. */
function successor(parts: readonly number[]): readonly number[] | null {
  const index = parts.findLastIndex((part) => part < U32_MAX);
  const part = parts[index];
  return part === undefined ? null : [...parts.slice(0, index), part + 1];
}

export const wordKey = (word: string): Uint8Array => Buffer.from(word);

/** For messages: `12/7/1` for keys of numbers, the word for words. */
export function describeKey(key: Uint8Array): string {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.length);
  const text = bytes.toString("latin1");
  if (/^[a-zA-Z]+$/.test(text)) return text;
  const parts: number[] = [];
  let offset = 0;
  for (; offset + U32_BYTES <= bytes.length; offset += U32_BYTES) parts.push(bytes.readUInt32BE(offset));
  for (; offset < bytes.length; offset += 1) parts.push(bytes.readUInt8(offset));
  return parts.join("/");
}
