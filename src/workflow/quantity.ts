/** Amounts with units. Each function gives the amount, or a sentence part that says what was expected. */
import { describe, numberOf, textOf } from "./scalar.ts";

export type Quantity =
  | { readonly ok: true; readonly amount: number }
  | { readonly ok: false; readonly expected: string };

const amount = (value: number): Quantity => ({ ok: true, amount: value });
const expected = (what: string, found: unknown): Quantity => ({
  ok: false,
  expected: `${what}, found ${describe(found)}`,
});

const UNIT_MS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
] as const;
const DURATION_PART = /(\d+(?:\.\d+)?)(ms|[dhms])/y;

/** A year: longer is a typing error, and timers have to be able to count it. */
export const DURATION_MS_MAX = 366 * 86_400_000;

const DURATION_FORMS = "a duration such as 500ms, 90s, 10m, 1h30m or 2d (a plain number is seconds)";

/** `500ms`, `90s`, `1h30m`, or a number of seconds, in milliseconds from `leastMs` to DURATION_MS_MAX. */
export function readDuration(value: unknown, leastMs: number): Quantity {
  const seconds = numberOf(value);
  const ms = seconds === null ? sumDurationParts(textOf(value) ?? "") : seconds * 1000;
  if (ms === null) return expected(DURATION_FORMS, value);
  const rounded = Math.round(ms);
  if (rounded < leastMs)
    return expected(leastMs === 0 ? "a duration of 0 or more" : "a duration of at least 1ms", value);
  return rounded > DURATION_MS_MAX ? expected("a duration of at most 366d", value) : amount(rounded);
}

/** Units go from large to small, each at most once, so that a typing error is not taken for a sum. */
function sumDurationParts(text: string): number | null {
  let sum = 0;
  let nextUnit = 0;
  DURATION_PART.lastIndex = 0;
  while (DURATION_PART.lastIndex < text.length) {
    const match = DURATION_PART.exec(text);
    if (match === null) return null;
    const unit = UNIT_MS.findIndex(([name]) => name === match[2]);
    if (unit < nextUnit) return null;
    nextUnit = unit + 1;
    sum += Number(match[1]) * (UNIT_MS[unit]?.[1] ?? 0);
  }
  return nextUnit === 0 ? null : sum;
}

const SIZE = /^(\d+(?:\.\d+)?) ?([kKMGTP]?)i?B?$/;
const SIZE_FACTOR: Readonly<Record<string, number>> = {
  "": 1,
  k: 1024,
  K: 1024,
  M: 1024 ** 2,
  G: 1024 ** 3,
  T: 1024 ** 4,
  P: 1024 ** 5,
};

/** 1 PiB: beyond any node, and sums stay exact integers. */
const SIZE_BYTES_MAX = 1024 ** 5;

/** `512M`, `1.5Gi`, `100k` (all units count in 1024s), or a number of bytes. */
export function readSize(value: unknown): Quantity {
  const match = SIZE.exec(textOf(value) ?? "");
  const bytes = match === null ? numberOf(value) : Number(match[1]) * (SIZE_FACTOR[match[2] ?? ""] ?? 1);
  if (bytes === null) return expected("a size such as 512M, 2G or 1.5Gi (a plain number is bytes)", value);
  if (bytes < 0) return expected("a size of 0 or more", value);
  return bytes > SIZE_BYTES_MAX ? expected("a size of at most 1P", value) : amount(Math.ceil(bytes));
}

/** A million of anything: beyond any node, and sums stay exact integers. */
const AMOUNT_MAX = 1_000_000;

/** A number with up to three decimals, in thousandths. */
export function readMilli(value: unknown): Quantity {
  const number = numberOf(value);
  if (number === null) return expected("a number", value);
  if (number < 0) return expected("a number of 0 or more", value);
  if (number > AMOUNT_MAX) return expected(`a number of at most ${AMOUNT_MAX}`, value);
  const milli = Math.round(number * 1000);
  if (Math.abs(number * 1000 - milli) > 1e-6) return expected("a number with at most three decimals", value);
  return amount(milli);
}

export function readInteger(value: unknown, least: number, most: number): Quantity {
  const number = numberOf(value);
  const fits = number !== null && Number.isInteger(number) && number >= least && number <= most;
  return fits ? amount(number) : expected(`a whole number from ${least} to ${most}`, value);
}

export function readNumber(value: unknown, least: number, most: number): Quantity {
  const number = numberOf(value);
  const fits = number !== null && number >= least && number <= most;
  return fits ? amount(number) : expected(`a number from ${least} to ${most}`, value);
}
