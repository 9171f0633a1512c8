/** Colours, or none: views give each span of text a meaning and never write an escape sequence themselves. */
import type { JobState } from "../../../protocol/fields.ts";
import type { TaskState } from "../../store/workerRecords.ts";
import { clip, displayWidth } from "./text.ts";

export type Tone = "plain" | "good" | "bad" | "busy" | "quiet" | "strong";

export interface Span {
  readonly text: string;
  readonly tone: Tone;
}

/** How the terminal shows meanings. */
export interface Style {
  readonly colour: boolean;
  /** Whether block characters and ellipses may be used. */
  readonly unicode: boolean;
  /** Lines are cut to so many columns. Infinity where they are not shown on a terminal. */
  readonly columns: number;
}

const CODES: Readonly<Record<Exclude<Tone, "plain">, string>> = {
  good: "32",
  bad: "31",
  busy: "36",
  quiet: "2",
  strong: "1",
};

export const span = (text: string, tone: Tone = "plain"): Span => ({ text, tone });

/** One line of spans, cut to the columns of the style. */
export function paintLine(spans: readonly Span[], style: Style): string {
  let left = style.columns;
  let line = "";
  for (const { text, tone } of spans) {
    if (left <= 0) break;
    const kept = Number.isFinite(left) ? clip(text, left, style.unicode ? "…" : "~") : text;
    left -= displayWidth(kept);
    line += kept !== "" && style.colour && tone !== "plain" ? `\u001b[${CODES[tone]}m${kept}\u001b[0m` : kept;
    if (kept !== text) break;
  }
  return line;
}

export function toneOf(state: JobState | TaskState): Tone {
  switch (state) {
    case "succeeded":
      return "good";
    case "failed":
    case "cancelled":
      return "bad";
    case "running":
    case "backoff":
      return "busy";
    case "queued":
    case "paused":
    case "waiting":
    case "ready":
    case "skipped":
      return "quiet";
  }
}
