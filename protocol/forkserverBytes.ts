/**
 * The bytes of the forkserver's link: little-endian integers, `str` as u32 length and UTF-8, and how frames are cut from
 * a stream. Neither reader throws: a fault is remembered, and what is read after it is zero or empty.
 */
import { FORKSERVER_FRAME_BYTES_MAX } from "./limits.ts";

const LENGTH_BYTES = 4;
const U32_RANGE = 0x1_0000_0000;
const NANOS_PER_MS = 1_000_000;
const U32_RANGE_MS = Math.floor(U32_RANGE / NANOS_PER_MS);
const U32_RANGE_REST_NANOS = U32_RANGE % NANOS_PER_MS;
/** Texts up to this length are written character by character. */
const SHORT_TEXT_LENGTH = 128;
const NO_BYTES = new Uint8Array(0);
/** The year 2262; as nanoseconds it still fits into 63 bits. */
const TIME_MS_MAX = 2 ** 63 / 1e6;

/** Appends frames to one growing buffer, so that a batch is one write. */
export class FrameWriter {
  private buffer = Buffer.allocUnsafe(16 * 1024);
  private length = 0;
  private frameStart = 0;
  private fault: string | null = null;

  begin(type: number): void {
    this.frameStart = this.length;
    this.fault = null;
    this.u32(0);
    this.u8(type);
  }

  /** Completes the frame. A frame that cannot be said is taken back, and the reason returned. */
  finish(): string | null {
    const payloadBytes = this.length - this.frameStart - LENGTH_BYTES;
    if (payloadBytes > FORKSERVER_FRAME_BYTES_MAX) {
      this.fault ??= `${payloadBytes} bytes are more than a frame may have`;
    }
    if (this.fault === null) this.buffer.writeUInt32LE(payloadBytes, this.frameStart);
    else this.length = this.frameStart;
    return this.fault;
  }

  u8(value: number): void {
    this.reserve(1);
    this.length = this.buffer.writeUInt8(this.checked(value, 0x100), this.length);
  }

  u32(value: number): void {
    this.reserve(4);
    this.length = this.buffer.writeUInt32LE(this.checked(value, U32_RANGE), this.length);
  }

  u64(value: number): void {
    this.reserve(8);
    const whole = this.checked(value, 2 ** 64);
    this.length = this.buffer.writeUInt32LE(whole % U32_RANGE, this.length);
    this.length = this.buffer.writeUInt32LE(Math.floor(whole / U32_RANGE), this.length);
  }

  /** Milliseconds with fractions, as nanoseconds; through integers, since a double has not enough digits for today's. */
  time(ms: number): void {
    const whole = Math.floor(ms);
    if (!(whole >= 0 && whole < TIME_MS_MAX)) {
      this.fault ??= `${ms} is no time`;
      return;
    }
    this.reserve(8);
    const nanos = BigInt(whole) * BigInt(NANOS_PER_MS) + BigInt(Math.round((ms - whole) * NANOS_PER_MS));
    this.length = this.buffer.writeBigUInt64LE(nanos, this.length);
  }

  str(value: string): void {
    if (value.length <= SHORT_TEXT_LENGTH && this.ascii(value)) return;
    if (value.includes("\0")) this.fault ??= "a text contains a zero byte";
    // A text too large for its frame is not even copied: the buffer never grows beyond a frame more than it has.
    if (value.length > FORKSERVER_FRAME_BYTES_MAX) {
      this.fault ??= "a text is longer than a frame may be";
      return;
    }
    const maxBytes = value.length * 3;
    this.reserve(LENGTH_BYTES + maxBytes);
    const written = this.buffer.write(value, this.length + LENGTH_BYTES, "utf8");
    this.buffer.writeUInt32LE(written, this.length);
    this.length += LENGTH_BYTES + written;
  }

  /** Most texts are short and plain: a loop takes a third of the time of two calls out of JavaScript. False: this one is not. */
  private ascii(value: string): boolean {
    const { length } = value;
    this.reserve(LENGTH_BYTES + length);
    const { buffer } = this;
    let at = this.length + LENGTH_BYTES;
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code === 0 || code > 0x7f) return false;
      buffer[at++] = code;
    }
    buffer.writeUInt32LE(length, this.length);
    this.length = at;
    return true;
  }

  raw(bytes: Uint8Array): void {
    this.u32(bytes.length);
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  list(values: readonly string[]): void {
    this.u32(values.length);
    for (const value of values) {
      if (this.fault !== null) return;
      this.str(value);
    }
  }

  /** The frames so far; valid until the next `begin`, the writer starts anew with a buffer of its own. */
  take(): Buffer {
    const bytes = this.buffer.subarray(0, this.length);
    this.buffer = Buffer.allocUnsafe(16 * 1024);
    this.length = 0;
    return bytes;
  }

  private checked(value: number, range: number): number {
    if (Number.isInteger(value) && value >= 0 && value < range) return value;
    this.fault ??= `${value} is not an integer from 0 to ${range - 1}`;
    return 0;
  }

  private reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }
}

/** Reads one frame's payload, from `at`. After a fault every read gives zero or empty, so decoders need not look after each. */
export class PayloadReader {
  private readonly bytes: Buffer;
  private at: number;
  private fault: string | null = null;

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  u8(): number {
    const at = this.advance(1);
    return at === null ? 0 : this.bytes.readUInt8(at);
  }

  u32(): number {
    const at = this.advance(4);
    return at === null ? 0 : this.bytes.readUInt32LE(at);
  }

  /** Exact below 2^53. */
  u64(): number {
    const at = this.advance(8);
    return at === null ? 0 : this.bytes.readUInt32LE(at) + this.bytes.readUInt32LE(at + 4) * U32_RANGE;
  }

  /** Nanoseconds as milliseconds with fractions. */
  time(): number {
    const at = this.advance(8);
    if (at === null) return 0;
    const high = this.bytes.readUInt32LE(at + 4);
    // 2^32 ns are 4294 ms and 967296 ns: so all numbers stay exact, and no big integer is made.
    const restNanos = high * U32_RANGE_REST_NANOS + this.bytes.readUInt32LE(at);
    const restMs = Math.floor(restNanos / NANOS_PER_MS);
    return high * U32_RANGE_MS + restMs + (restNanos - restMs * NANOS_PER_MS) / NANOS_PER_MS;
  }

  /** Zero or one. */
  flag(): boolean {
    const value = this.u8();
    if (value > 1) this.reject(`${value} is not a flag`);
    return value === 1;
  }

  str(): string {
    const length = this.u32();
    const at = this.advance(length);
    if (at === null) return "";
    const text = this.bytes.subarray(at, at + length);
    if (text.includes(0)) this.reject("a text contains a zero byte");
    return text.toString("utf8");
  }

  /** A copy, since the frame is part of what was received with it. */
  raw(): Uint8Array<ArrayBuffer> {
    const length = this.u32();
    const at = this.advance(length);
    if (at === null || length === 0) return NO_BYTES;
    return new Uint8Array(this.bytes.subarray(at, at + length));
  }

  list(): string[] {
    const count = this.u32();
    // Each item has at least its length; a count beyond that would only cost memory.
    if (count > (this.bytes.length - this.at) / LENGTH_BYTES) this.reject(`a list of ${count} does not fit`);
    const values: string[] = [];
    while (values.length < count && this.fault === null) values.push(this.str());
    return values;
  }

  reject(fault: string): void {
    this.fault ??= fault;
  }

  /** The first fault, or that the payload is longer than what was read; null when all is well. */
  finish(): string | null {
    if (this.fault === null && this.at !== this.bytes.length) {
      this.fault = `${this.bytes.length - this.at} bytes too many`;
    }
    return this.fault;
  }

  private advance(bytes: number): number | null {
    if (this.fault !== null) return null;
    if (bytes > this.bytes.length - this.at) {
      this.reject("the frame ends too early");
      return null;
    }
    const at = this.at;
    this.at += bytes;
    return at;
  }
}

export interface FrameCut {
  /** Type and payload of each complete frame, in order. */
  readonly frames: readonly Buffer[];
  /** Why the stream cannot be read on; then it must be closed. */
  readonly fault: string | null;
}

/** Cuts a byte stream into frames; keeps at most one incomplete frame, so at most 4 MiB and the last chunk. */
export class FrameCutter {
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private neededBytes = LENGTH_BYTES;

  push(chunk: Buffer): FrameCut {
    this.pending.push(chunk);
    this.pendingBytes += chunk.length;
    if (this.pendingBytes < this.neededBytes) return { frames: [], fault: null };
    const bytes = this.pending.length === 1 ? chunk : Buffer.concat(this.pending, this.pendingBytes);
    const frames: Buffer[] = [];
    let at = 0;
    this.neededBytes = LENGTH_BYTES;
    while (bytes.length - at >= LENGTH_BYTES) {
      const length = bytes.readUInt32LE(at);
      if (length === 0 || length > FORKSERVER_FRAME_BYTES_MAX) {
        return {
          frames,
          fault: `a frame of ${length} bytes; 1 to ${FORKSERVER_FRAME_BYTES_MAX} are allowed`,
        };
      }
      if (bytes.length - at < LENGTH_BYTES + length) {
        this.neededBytes = LENGTH_BYTES + length;
        break;
      }
      frames.push(bytes.subarray(at + LENGTH_BYTES, at + LENGTH_BYTES + length));
      at += LENGTH_BYTES + length;
    }
    const rest = bytes.subarray(at);
    this.pending = rest.length === 0 ? [] : [rest];
    this.pendingBytes = rest.length;
    return { frames, fault: null };
  }
}
