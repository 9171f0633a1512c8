/** Reading one field that is text. */
import type { FaultList } from "./fault.ts";
import type { Field } from "./field.ts";
import { describe, textOf, unusableText } from "./scalar.ts";

/** Text, or a number as it was written; null if there is no field, or after a fault. */
export function readText(
  what: string,
  field: Field | null,
  bytesMax: number,
  faults: FaultList,
): string | null {
  if (field === null) return null;
  const text = textOf(field.value);
  if (text === null) {
    const advice = typeof field.value === "boolean" ? ": put it in quotes" : "";
    field.blame(faults, () => `${what} must be text, found ${describe(field.value)}${advice}.`);
    return null;
  }
  const unusable = unusableText(text);
  if (unusable !== null) {
    field.blame(faults, () => `${what} ${unusable}: take it out.`);
    return null;
  }
  if (text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax) {
    field.blame(faults, () => `${what} has more than ${bytesMax} bytes: put the text into a file.`);
    return null;
  }
  return text;
}
