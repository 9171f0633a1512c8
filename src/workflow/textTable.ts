/** A column of texts that grows, in which a text is found again: an open hash table over their bytes. */
import { Uint32List } from "./numberList.ts";
import { type TextColumn, textAt } from "./textColumn.ts";

const FNV_PRIME = 0x01000193;

/** Of Node's pool, so that a table costs little where a document has one task. */
const BYTES_START = 256;

/** So many V8 keeps in the array's object. */
const SLOTS_START = 16;

export class TextTable {
  #bytes: Buffer;
  #end = 0;
  /** Where each text begins, and the end of the last one. */
  readonly #offsets: Uint32List;
  /** Number of the text plus one; 0 is an empty slot. At most half full. */
  #slots: Uint32Array;
  #filled = 0;
  /** FNV-1a from a start that nobody knows: a document cannot be made to collide. */
  readonly #seed = Math.floor(Math.random() * 2 ** 32);
  #hash = 0;

  /** Holds `capacity` short texts before it has to grow. */
  constructor(capacity = 0) {
    this.#bytes = Buffer.allocUnsafe(BYTES_START + capacity * 8);
    this.#offsets = new Uint32List(capacity + 1);
    this.#offsets.push(0);
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(capacity, SLOTS_START / 2) * 2)));
  }

  get count(): number {
    return this.#offsets.length - 1;
  }

  at(index: number): string {
    return textAt(this.column(), index);
  }

  /** Appends the text in any case. Returns the number of the first one like it; null if there was none. */
  append(text: string): number | null {
    const slot = this.#slotOf(text);
    const known = this.#slots[slot] ?? 0;
    this.#take();
    if (known !== 0) return known - 1;
    this.#fill(slot, this.count);
    return null;
  }

  /** The number of the text, which is appended if it is new. */
  number(text: string): number {
    const slot = this.#slotOf(text);
    const known = this.#slots[slot] ?? 0;
    if (known !== 0) return known - 1;
    this.#take();
    this.#fill(slot, this.count);
    return this.count - 1;
  }

  /** The number of the first text like this one, or null. */
  find(text: string): number | null {
    const known = this.#slots[this.#slotOf(text)] ?? 0;
    return known === 0 ? null : known - 1;
  }

  /** A view: of no use when a text was looked for or appended since. */
  column(): TextColumn {
    return { offsets: this.#offsets.view(), bytes: this.#bytes.subarray(0, this.#end) };
  }

  /** The slot that has the text, or would get it. It is then written behind the last one, where `#take` makes it the next. */
  #slotOf(text: string): number {
    this.#write(text);
    const mask = this.#slots.length - 1;
    let slot = folded(this.#hash) & mask;
    for (;;) {
      const entry = this.#slots[slot] ?? 0;
      if (entry === 0 || this.#isWritten(entry - 1)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #writtenEnd = 0;

  #write(text: string): void {
    // A UTF-16 unit is at most three bytes of UTF-8.
    const needed = this.#end + text.length * 3;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, this.#end);
      this.#bytes = larger;
    }
    const bytes = this.#bytes;
    const start = this.#end;
    let hash = this.#seed;
    for (let index = 0; index < text.length; index += 1) {
      const unit = text.charCodeAt(index);
      if (unit >= 0x80) {
        this.#writtenEnd = start + bytes.write(text, start);
        this.#hash = this.#hashOf(start, this.#writtenEnd);
        return;
      }
      bytes[start + index] = unit;
      hash = Math.imul(hash ^ unit, FNV_PRIME);
    }
    this.#writtenEnd = start + text.length;
    this.#hash = hash;
  }

  #hashOf(start: number, end: number): number {
    let hash = this.#seed;
    for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ (this.#bytes[at] ?? 0), FNV_PRIME);
    return hash;
  }

  #isWritten(index: number): boolean {
    const start = this.#offsets.at(index);
    const length = this.#writtenEnd - this.#end;
    if (this.#offsets.at(index + 1) - start !== length) return false;
    const bytes = this.#bytes;
    for (let at = 0; at < length; at += 1) if (bytes[start + at] !== bytes[this.#end + at]) return false;
    return true;
  }

  #take(): void {
    this.#end = this.#writtenEnd;
    this.#offsets.push(this.#end);
  }

  #fill(slot: number, entry: number): void {
    this.#slots[slot] = entry;
    this.#filled += 1;
    if (this.#filled * 2 > this.#slots.length) this.#grow();
  }

  #grow(): void {
    const smaller = this.#slots;
    this.#slots = new Uint32Array(smaller.length * 2);
    const mask = this.#slots.length - 1;
    for (const entry of smaller) {
      if (entry === 0) continue;
      let slot = folded(this.#hashOf(this.#offsets.at(entry - 1), this.#offsets.at(entry))) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = entry;
    }
  }
}

/** The high bits count in the low ones, which the table uses. */
const folded = (hash: number): number => (hash ^ (hash >>> 15)) >>> 0;
