/** Text on a terminal: how many columns it takes, how to cut it, and what must not reach it. */

/** Zero columns: marks that join the character before them. */
const COMBINING = /^(?:\p{Mn}|\p{Me}|\u200b|\u200c|\u200d)$/u;

/** Ranges of characters that take two columns (East Asian wide and pictographs), as first and last code point. */
const WIDE_RANGES: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f9ff],
  [0x1fa70, 0x1faff],
  [0x20000, 0x3fffd],
];

/** Control characters, and those that reverse the direction of what follows: they change what a terminal shows. */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Colours and other sequences that programs print for terminals; removed as a whole, so that no rest like `[31m` stays. */
const ESCAPE_SEQUENCES =
  /\u001b(?:\[[0-9;:?<=>]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/gu;

const TAB_COLUMNS = 8;

/** Columns that `text` takes. It must have no control characters. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

function characterWidth(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (COMBINING.test(character)) return 0;
  return WIDE_RANGES.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}

/** `text` in at most `columns`; what is cut ends with `mark`, which has one column. */
export function clip(text: string, columns: number, mark = "…"): string {
  if (displayWidth(text) <= columns) return text;
  if (columns <= 0) return "";
  let kept = "";
  let width = 0;
  for (const character of text) {
    width += characterWidth(character);
    if (width > columns - 1) break;
    kept += character;
  }
  return kept + mark;
}

/** Filled with spaces to `columns`; longer text stays as it is. */
export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - displayWidth(text)));
}

export function padStart(text: string, columns: number): string {
  return " ".repeat(Math.max(0, columns - displayWidth(text))) + text;
}

/** One line of foreign text as a terminal may show it: without escape sequences and control characters, tabs widened. */
export function printable(line: string): string {
  return expandTabs(line.replace(ESCAPE_SEQUENCES, "")).replace(UNPRINTABLE, "");
}

function expandTabs(line: string): string {
  if (!line.includes("\t")) return line;
  let out = "";
  for (const [index, part] of line.split("\t").entries()) {
    if (index > 0) out += " ".repeat(TAB_COLUMNS - (out.length % TAB_COLUMNS));
    out += part;
  }
  return out;
}

/** `1 task`, `2 tasks`. */
export function plural(count: number, noun: string): string {
  return `${formatNumber(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** An integer with thin groups: `100,000`. The first use of `toLocaleString` would cost a command 20 ms. */
export function formatNumber(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}
