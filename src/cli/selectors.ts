/** What stands for jobs on the command line: `7`, `last`, `3-7`, `3-` (and later), `all`, and lists of these with commas. */
import { QrewError } from "../../protocol/errors.ts";

export const JOB_NUMBER_MAX = 0xffff_ffff;

/** The end of a range: a number, or the newest job. */
export type RangeEnd = number | "last";

export type JobSelector =
  /** One job, which has to exist. */
  | { readonly type: "one"; readonly job: RangeEnd }
  /** The jobs that there are from the one to the other, both included. */
  | { readonly type: "range"; readonly first: RangeEnd; readonly last: RangeEnd }
  | { readonly type: "all" };

/** Throws `usage` for what selects nothing. */
export function parseSelectors(text: string): readonly JobSelector[] {
  return text.split(",").map((part) => parseSelector(part, text));
}

function parseSelector(part: string, whole: string): JobSelector {
  if (part === "all") return { type: "all" };
  const one = parseEnd(part);
  if (one !== null) return { type: "one", job: one };
  const dash = part.indexOf("-");
  const first = dash < 1 ? null : parseEnd(part.slice(0, dash));
  const last = dash === part.length - 1 ? "last" : parseEnd(part.slice(dash + 1));
  if (first === null || last === null) throw unreadable(whole);
  if (first !== "last" && last !== "last" && first > last) {
    throw new QrewError("usage", `The range ${part} runs backwards: write ${last}-${first}.`);
  }
  return { type: "range", first, last };
}

function parseEnd(text: string): RangeEnd | null {
  if (text === "last") return "last";
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return value >= 1 && value <= JOB_NUMBER_MAX ? value : null;
}

const unreadable = (text: string): QrewError =>
  new QrewError(
    "usage",
    `A job is named by its number, or by last, 3-7, 3,5 or all, not "${text}": see \`qrew jobs\`.`,
  );
