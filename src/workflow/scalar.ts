/** The values a document is made of, as the checks see them. */

/**
 * A YAML number that is written otherwise than JavaScript would print it (`1.10`, `0x1F`, `12345678901234567890`): as a
 * number it counts, as text (an argument, an environment variable) it stays as it was written.
 */
export class WrittenNumber {
  readonly value: number;
  readonly text: string;

  constructor(value: number, text: string) {
    this.value = value;
    this.text = text;
  }
}

export type Entries = Readonly<Record<string, unknown>>;

export const isEntries = (value: unknown): value is Entries =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof WrittenNumber);

/** Text, or a number as it was written; null for everything else. */
export function textOf(value: unknown): string | null {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  return value instanceof WrittenNumber ? value.text : null;
}

const NUMERIC = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/** A finite number, or text that is one (a placeholder leaves text); null for everything else. */
export function numberOf(value: unknown): number | null {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (value instanceof WrittenNumber) return Number.isFinite(value.value) ? value.value : null;
  return typeof value === "string" && NUMERIC.test(value) ? Number(value) : null;
}

const SHOWN_CHARACTERS_MAX = 60; // a message is one line on a terminal

/** The text in quotes, shortened, with what is not printable escaped. */
export function quoted(text: string): string {
  if (text.length <= SHOWN_CHARACTERS_MAX) return JSON.stringify(text);
  return `${JSON.stringify(text.slice(0, SHOWN_CHARACTERS_MAX)).slice(0, -1)}…"`;
}

/** What was found in place of what was expected. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (typeof value === "string") return `the text ${quoted(value)}`;
  if (value instanceof WrittenNumber) return `the number ${value.text.slice(0, SHOWN_CHARACTERS_MAX)}`;
  if (typeof value === "number") return `the number ${value}`;
  if (typeof value === "boolean") return String(value);
  return Array.isArray(value) ? "a list" : "an object";
}

const PLAIN = /^[\t\n\x20-\x7e]*$/;
const UNUSABLE = /[\0\p{Cs}]/u;

/** Why this text cannot be given to a process, or null: a NUL byte ends a C string, half a character has no UTF-8. */
export function unusableText(text: string): string | null {
  if (PLAIN.test(text) || !UNUSABLE.test(text)) return null;
  return text.includes("\0")
    ? "has a NUL character, which no process can be given"
    : "has half of a surrogate pair";
}
