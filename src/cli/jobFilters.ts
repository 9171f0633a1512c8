/** `--state`, `--name` and `--since`: which jobs of many are meant. */
import { QrewError } from "../../protocol/errors.ts";
import type { JobState } from "../../protocol/fields.ts";
import type { JobView } from "../client/jobView.ts";
import { readDuration } from "../workflow/quantity.ts";

/** As commander gives them. */
export interface FilterFlags {
  readonly state?: string;
  readonly name?: string;
  readonly since?: string;
}

export interface JobFilter {
  matches(job: JobView): boolean;
  /** Jobs submitted before this time match never; null: any may. */
  readonly sinceMs: number | null;
}

export const JOB_STATES = [
  "queued",
  "running",
  "paused",
  "succeeded",
  "failed",
  "cancelled",
] as const satisfies readonly JobState[];

export const hasFilter = ({ state, name, since }: FilterFlags): boolean =>
  state !== undefined || name !== undefined || since !== undefined;

/** A job has to match all that are given. Throws `usage`. */
export function parseFilter(flags: FilterFlags, nowMs: number): JobFilter {
  const states = flags.state === undefined ? null : flags.state.split(",").map(parseState);
  const name = flags.name === undefined ? null : namePattern(flags.name);
  const sinceMs = flags.since === undefined ? null : parseSince(flags.since, nowMs);
  return {
    sinceMs,
    matches: (job) =>
      (states === null || states.includes(job.state)) &&
      (name === null || name.test(job.name)) &&
      (sinceMs === null || job.createdAtMs >= sinceMs),
  };
}

function parseState(text: string): JobState {
  const known = JOB_STATES.find((state) => state === text);
  if (known !== undefined) return known;
  throw new QrewError(
    "usage",
    `--state is one or more of ${JOB_STATES.join(", ")}, with commas, not "${text}".`,
  );
}

/** `*` stands for any text and `?` for one character, as in the shell; the pattern has to fit the whole name. */
function namePattern(text: string): RegExp {
  if (text === "") throw new QrewError("usage", "--name is empty: write a name, or a pattern like 'night*'.");
  // Several stars in a row mean the same as one, and would make the matching slow.
  const parts = text.replaceAll(/\*+/g, "*").split(/([*?])/);
  const source = parts.map((part) => (part === "*" ? ".*" : part === "?" ? "." : escaped(part)));
  return new RegExp(`^${source.join("")}$`, "su");
}

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

const DATE = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?)?$/;

/** A span before now, as `2h` and `3d`, or a local date, with or without time. */
function parseSince(text: string, nowMs: number): number {
  if (DATE.test(text)) {
    // Without a time JavaScript would take the date for one of UTC.
    const atMs = new Date(text.length === 10 ? `${text}T00:00` : text.replace(" ", "T")).getTime();
    if (Number.isFinite(atMs)) return atMs;
  }
  const span = readDuration(text, 0);
  if (span.ok && /[a-z]$/.test(text)) return nowMs - span.amount;
  throw new QrewError(
    "usage",
    `--since is a time ago like 2h or 3d, or a date like 2026-03-14, not "${text}".`,
  );
}
