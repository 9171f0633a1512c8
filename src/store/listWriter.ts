/** A msgpack array of numbers, texts and nulls, nulls at its end left out, written one after another into a buffer that is kept. */
import { assert } from "../../protocol/errors.ts";

const BYTES_START = 512;
/** The array has one byte before its items where it has at most FIX_ITEMS_MAX of them, and three where it has more. */
const HEAD_BYTES = 3;
const FIX_ITEMS_MAX = 15;
const U16_MAX = 0xffff;
const U32_MAX = 0xffff_ffff;

const [NIL, FLOAT_64, UINT_8, UINT_16, UINT_32] = [0xc0, 0xcb, 0xcc, 0xcd, 0xce];
const [STR_8, STR_16, STR_32, ARRAY_16] = [0xd9, 0xda, 0xdb, 0xdc];
const [FIX_ARRAY, FIX_STR, FIX_STR_BYTES_MAX] = [0x90, 0xa0, 31];

export class ListWriter {
  #bytes = Buffer.allocUnsafeSlow(BYTES_START);
  #at = HEAD_BYTES;
  #count = 0;
  /** Behind the last item that is no null. */
  #endAt = HEAD_BYTES;
  #endCount = 0;

  begin(): void {
    this.#at = HEAD_BYTES;
    this.#count = 0;
    this.#endAt = HEAD_BYTES;
    this.#endCount = 0;
  }

  number(value: number | null): void {
    this.#makeRoom(9);
    if (value === null) this.#bytes[this.#at++] = NIL;
    else this.#putNumber(value);
    this.#wrote(value !== null);
  }

  text(value: string | null): void {
    if (value === null) return this.number(null);
    this.#putText(value);
    this.#wrote(true);
  }

  /** An item that is a list of numbers, at most FIX_ITEMS_MAX. */
  numbers(values: readonly number[]): void {
    assert(values.length <= FIX_ITEMS_MAX, "a list in a record is short");
    this.#makeRoom(1 + 9 * values.length);
    this.#bytes[this.#at++] = FIX_ARRAY | values.length;
    for (const value of values) this.#putNumber(value);
    this.#wrote(true);
  }

  /** An item that is a list. */
  list(values: readonly (number | string)[]): void {
    assert(values.length <= U16_MAX, "a list in a record is short");
    this.#makeRoom(3);
    this.#at = this.#putArrayHead(this.#at, values.length);
    for (const value of values) {
      if (typeof value === "string") this.#putText(value);
      else {
        this.#makeRoom(9);
        this.#putNumber(value);
      }
    }
    this.#wrote(true);
  }

  /** A copy of what was written since `begin`. */
  end(): Uint8Array {
    const count = this.#endCount;
    const start = count <= FIX_ITEMS_MAX ? HEAD_BYTES - 1 : 0;
    this.#putArrayHead(start, count);
    const bytes = Buffer.allocUnsafe(this.#endAt - start);
    this.#bytes.copy(bytes, 0, start, this.#endAt);
    return bytes;
  }

  #wrote(isSomething: boolean): void {
    this.#count += 1;
    if (!isSomething) return;
    this.#endAt = this.#at;
    this.#endCount = this.#count;
  }

  #putArrayHead(at: number, count: number): number {
    if (count <= FIX_ITEMS_MAX) return this.#bytes.writeUInt8(FIX_ARRAY | count, at);
    this.#bytes[at] = ARRAY_16;
    return this.#bytes.writeUInt16BE(count, at + 1);
  }

  #putNumber(value: number): void {
    const bytes = this.#bytes;
    const at = this.#at;
    if (value >>> 0 !== value || Object.is(value, -0)) {
      bytes[at] = FLOAT_64;
      this.#at = bytes.writeDoubleBE(value, at + 1);
    } else if (value < 0x80) {
      bytes[at] = value;
      this.#at = at + 1;
    } else if (value <= 0xff) {
      bytes[at] = UINT_8;
      bytes[at + 1] = value;
      this.#at = at + 2;
    } else if (value <= U16_MAX) {
      bytes[at] = UINT_16;
      this.#at = bytes.writeUInt16BE(value, at + 1);
    } else {
      bytes[at] = UINT_32;
      this.#at = bytes.writeUInt32BE(value, at + 1);
    }
  }

  #putText(text: string): void {
    const length = Buffer.byteLength(text);
    assert(length <= U32_MAX, "a text in a record is short");
    this.#makeRoom(5 + length);
    const bytes = this.#bytes;
    let at = this.#at;
    if (length <= FIX_STR_BYTES_MAX) at = bytes.writeUInt8(FIX_STR | length, at);
    else if (length <= 0xff) at = bytes.writeUInt8(length, bytes.writeUInt8(STR_8, at));
    else if (length <= U16_MAX) at = bytes.writeUInt16BE(length, bytes.writeUInt8(STR_16, at));
    else at = bytes.writeUInt32BE(length, bytes.writeUInt8(STR_32, at));
    this.#at = at + bytes.write(text, at);
  }

  #makeRoom(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow((this.#at + count) * 2);
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}
