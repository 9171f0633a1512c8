/** A column of texts as UTF-8: text n is `bytes[offsets[n] … offsets[n + 1] - 1]`. A million texts are two allocations. */
export interface TextColumn {
  /** One more than there are texts. */
  readonly offsets: Uint32Array;
  readonly bytes: Uint8Array;
}

export const textCount = (column: TextColumn): number => column.offsets.length - 1;

export function textAt(column: TextColumn, index: number): string {
  const { bytes, offsets } = column;
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return buffer.toString("utf8", offsets[index] ?? 0, offsets[index + 1] ?? 0);
}

/** `texts` is gone through once; `count` is how many it has. */
export function textColumn(texts: Iterable<string>, count: number): TextColumn {
  const offsets = new Uint32Array(count + 1);
  let buffer = Buffer.allocUnsafe(64 + count * 16);
  let end = 0;
  let index = 0;
  for (const text of texts) {
    // A UTF-16 unit is at most three bytes of UTF-8.
    const needed = end + text.length * 3;
    if (needed > buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, buffer.length * 2));
      buffer.copy(larger, 0, 0, end);
      buffer = larger;
    }
    end += buffer.write(text, end);
    index += 1;
    offsets[index] = end;
  }
  return { offsets, bytes: buffer.subarray(0, end) };
}

/** Finds texts in a column whose texts all differ: an open hash table over their bytes. */
export class TextIndex {
  readonly #column: TextColumn;
  /** Number of the text plus one; 0 is an empty place. At most half full. */
  readonly #table: Uint32Array;

  constructor(column: TextColumn) {
    this.#column = column;
    const count = textCount(column);
    this.#table = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(count, 1) * 2)));
    const mask = this.#table.length - 1;
    for (let index = 0; index < count; index += 1) {
      let place = hash(column.bytes, column.offsets[index] ?? 0, column.offsets[index + 1] ?? 0) & mask;
      while (this.#table[place] !== 0) place = (place + 1) & mask;
      this.#table[place] = index + 1;
    }
  }

  find(text: string): number | null {
    const wanted = Buffer.from(text);
    const { bytes, offsets } = this.#column;
    const mask = this.#table.length - 1;
    let place = hash(wanted, 0, wanted.length) & mask;
    for (let entry = this.#table[place] ?? 0; entry !== 0; entry = this.#table[place] ?? 0) {
      const [start, end] = [offsets[entry - 1] ?? 0, offsets[entry] ?? 0];
      if (end - start === wanted.length && wanted.compare(bytes, start, end) === 0) return entry - 1;
      place = (place + 1) & mask;
    }
    return null;
  }
}

/** FNV-1a, with the high bits folded into the low ones that the table uses. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  let value = 0x811c9dc5;
  for (let index = start; index < end; index += 1) {
    value = Math.imul(value ^ (bytes[index] ?? 0), 0x01000193);
  }
  return (value ^ (value >>> 15)) >>> 0;
}
