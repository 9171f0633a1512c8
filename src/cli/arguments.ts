/** Reading the values of options. What cannot be read throws `usage` with a sentence that shows how it is written. */
import { QrewError } from "../../protocol/errors.ts";
import { readDuration } from "../workflow/quantity.ts";

const usage = (message: string): QrewError => new QrewError("usage", message);

/** An integer between the bounds, both included. */
export function parseInteger(text: string, name: string, least: number, most: number): number {
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw usage(`${name} is a whole number from ${least} to ${most}, not "${text}".`);
}

/** The name of a job: shown in lists, one line, so control characters have no place in it. */
export function parseJobName(text: string): string {
  if (text.trim() !== "" && !/\p{Cc}/u.test(text)) return text;
  throw usage(
    text.trim() === ""
      ? "--name is empty: leave it out for the name that the document has."
      : `--name must not contain control characters such as line ends: ${JSON.stringify(text)} does.`,
  );
}

/** A number above 0, at most three decimals: cpus are counted in thousandths. */
export function parseCpus(text: string): number {
  const value = /^\d+(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (value > 0 && value <= 100_000) return value;
  throw usage(`--cpus is a number of cpus like 4 or 0.5, not "${text}".`);
}

/** Longer than anybody waits at a prompt, and within what one timer holds (24.8 days). */
const WAIT_MS_MAX = 24 * 86_400_000;

/** `90s`, `10m`, `1h30m`, or seconds without unit, as in documents. In milliseconds. */
export function parseWait(text: string, name: string): number {
  const read = readDuration(/^\d+(\.\d+)?$/.test(text) ? Number(text) : text, 0);
  if (read.ok && read.amount <= WAIT_MS_MAX) return read.amount;
  throw usage(`${name} is a time like 90s, 10m or 1h30m, at most 24d, not "${text}".`);
}

/** `name=amount` of each named resource. */
export function parseNamedResources(texts: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(texts.map(parseNamedResource));
}

function parseNamedResource(text: string): readonly [string, number] {
  const match = /^([A-Za-z_][A-Za-z0-9_.-]{0,63})=(\d+(?:\.\d{1,3})?)$/.exec(text);
  const name = match?.[1];
  if (name === undefined) throw usage(`--resource is written name=amount, as in licence=2, not "${text}".`);
  return [name, Number(match?.[2])];
}
