/** A record as bytes: msgpack of plain objects, checked against its schema when it is read. */
import { Packr } from "msgpackr";
import * as v from "valibot";
import type { QrewError } from "../../protocol/errors.ts";
import { quickCheck } from "../../protocol/quickCheck.ts";
import { describeKey } from "./keys.ts";
import { damagedStore } from "./storeDamage.ts";

// As on the wire: shared structures would tie a value to those that were written before it.
const packr = new Packr({
  useRecords: false,
  variableMapSize: true,
  int64AsType: "number",
  mapsAsObjects: true,
});

/** The bytes are the caller's. */
export const packRecord = (record: unknown): Uint8Array => packr.pack(record);

/** Where a value was found, for the message when it is not readable. */
export interface Place {
  readonly table: string;
  readonly key: Uint8Array;
}

/**
 * Throws `storeDamaged`, naming table and key, when the bytes are not what the schema says. Never garbage. `ofRow`: names the fields of a
 * record that was written as an array.
 */
export function unpackRecord<Output>(
  schema: v.GenericSchema<unknown, Output>,
  bytes: Uint8Array,
  place: Place,
  ofRow: ((row: readonly unknown[]) => unknown) | null = null,
): Output {
  const found = unpackValue(bytes, place);
  const value = ofRow !== null && Array.isArray(found) ? ofRow(found) : found;
  if (quickCheck(schema)(value)) return value;
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw damagedRecord(place, `${v.getDotPath(issue) ?? "record"}: ${issue.message}`);
}

/** Throws `storeDamaged` when the bytes are no msgpack. */
export function unpackValue(bytes: Uint8Array, place: Place): unknown {
  try {
    const value: unknown = packr.unpack(bytes);
    return value;
  } catch (error) {
    throw damagedRecord(place, error instanceof Error ? error.message : String(error));
  }
}

export const damagedRecord = (place: Place, detail: string): QrewError =>
  damagedStore(
    `The store has an unreadable record in table ${place.table}, key ${describeKey(place.key)}`,
    detail,
  );

/** A plain number of 4 bytes, for the records of `meta`. */
export function packU32(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function unpackU32(bytes: Uint8Array, place: Place): number {
  if (bytes.length !== 4) throw damagedRecord(place, `${bytes.length} bytes in place of 4`);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
}
