/** What expressions of JX, the language of Makeflow's JSON, are worth: JSON, with whole numbers and others told apart. */

/** `at` is the offset of the expression in the text, from which the value comes. */
export type JxValue = JxScalar | JxArray | JxObject;

export type JxScalar =
  | { readonly type: "null"; readonly at: number }
  | { readonly type: "boolean"; readonly value: boolean; readonly at: number }
  | { readonly type: "integer"; readonly value: number; readonly at: number }
  | { readonly type: "double"; readonly value: number; readonly at: number }
  | { readonly type: "string"; readonly value: string; readonly at: number }
  /** Of an expression that is wrong: its fault is told already, and what is computed with it is wrong as well. */
  | { readonly type: "wrong"; readonly at: number };

export interface JxArray {
  readonly type: "array";
  readonly items: readonly JxValue[];
  readonly at: number;
}

export interface JxObject {
  readonly type: "object";
  readonly entries: ReadonlyMap<string, JxValue>;
  readonly at: number;
}

export const text = (value: string, at: number): JxValue => ({ type: "string", value, at });
export const integer = (value: number, at: number): JxValue => ({ type: "integer", value, at });
export const boolean = (value: boolean, at: number): JxValue => ({ type: "boolean", value, at });
export const wrong = (at: number): JxValue => ({ type: "wrong", at });

/** As JSON.parse gives it. */
export function plainOf(value: JxValue): unknown {
  switch (value.type) {
    case "null":
    case "wrong":
      return null;
    case "array":
      return value.items.map(plainOf);
    case "object":
      return Object.fromEntries([...value.entries].map(([key, item]) => [key, plainOf(item)]));
    default:
      return value.value;
  }
}

/** Of two values of one type; whole numbers differ from others. */
export function isEqual(a: JxValue, b: JxValue): boolean {
  if (a.type === "array" && b.type === "array") {
    return (
      a.items.length === b.items.length &&
      a.items.every((item, index) => {
        const other = b.items[index];
        return other !== undefined && isEqual(item, other);
      })
    );
  }
  if (a.type === "object" && b.type === "object") {
    return (
      a.entries.size === b.entries.size &&
      [...a.entries].every(([key, item]) => {
        const other = b.entries.get(key);
        return other !== undefined && isEqual(item, other);
      })
    );
  }
  if (a.type !== b.type) return false;
  return "value" in a && "value" in b ? a.value === b.value : a.type === "null";
}

/** A number, a text or a truth value as it is put into texts; null for all else. */
export function shownIn(value: JxValue): string | null {
  switch (value.type) {
    case "string":
      return value.value;
    case "integer":
    case "boolean":
      return String(value.value);
    case "double":
      return shortest(value.value, DIGITS);
    default:
      return null;
  }
}

/** As JX writes numbers that are not whole. */
const DIGITS = 16;

/** `%g` of C with so many significant digits. */
export function shortest(value: number, digits: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const [mantissa = "", exponentText = "0"] = value.toExponential(digits - 1).split("e");
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= digits) return withExponent(withoutZeros(mantissa), exponent);
  return withoutZeros(value.toFixed(Math.max(0, digits - 1 - exponent)));
}

const withoutZeros = (digits: string): string =>
  digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;

export function withExponent(mantissa: string, exponent: number): string {
  const size = String(Math.abs(exponent)).padStart(2, "0");
  return `${mantissa}e${exponent < 0 ? "-" : "+"}${size}`;
}
