/** What the codecs of both directions of the forkserver's link share. */
import { FrameWriter, PayloadReader } from "./forkserverBytes.ts";
import { type AttemptId, jobSeq, taskIndex } from "./ids.ts";

export type Decoded<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly detail: string };

export interface EncodedBatch<Value> {
  /** The frames of all that could be encoded, in order. */
  readonly bytes: Buffer;
  /** What could not: a zero byte in a text, a frame beyond its limit, a number out of range. */
  readonly rejected: readonly { readonly value: Value; readonly detail: string }[];
}

const TYPE_BYTES = 1;

export function encodeBatch<Value>(
  values: readonly Value[],
  write: (writer: FrameWriter, value: Value) => void,
): EncodedBatch<Value> {
  const writer = new FrameWriter();
  const rejected: { value: Value; detail: string }[] = [];
  for (const value of values) {
    write(writer, value);
    const detail = writer.finish();
    if (detail !== null) rejected.push({ value, detail });
  }
  return { bytes: writer.take(), rejected };
}

/** A frame without its length, as FrameCutter gives it. `read` returns null for a type that it does not know. */
export function decodeFrame<Value>(
  frame: Buffer,
  read: (type: number, reader: PayloadReader) => Value | null,
): Decoded<Value> {
  const type = frame[0] ?? 0;
  const reader = new PayloadReader(frame, TYPE_BYTES);
  const value = read(type, reader);
  if (value === null) return { ok: false, detail: `a frame of the unknown type ${type}` };
  const detail = reader.finish();
  return detail === null ? { ok: true, value } : { ok: false, detail: `a frame of type ${type}: ${detail}` };
}

export function writeKey(writer: FrameWriter, key: AttemptId): void {
  writer.u32(key.job);
  writer.u32(key.task);
  writer.u32(key.attempt);
}

export function readKey(reader: PayloadReader): AttemptId {
  return { job: jobSeq(reader.u32()), task: taskIndex(reader.u32()), attempt: reader.u32() };
}
