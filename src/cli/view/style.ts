/** Colours, or none: views ask for a meaning and never write an escape sequence themselves. */
import type { TaskState } from "../../store/workerRecords.ts";
import type { JobState } from "../../../protocol/fields.ts";

export type Tone = "good" | "bad" | "busy" | "quiet" | "strong";

export interface Style {
  paint(tone: Tone, text: string): string;
  /** Characters of a bar. */
  readonly full: string;
  readonly empty: string;
}

const CODES: Readonly<Record<Tone, string>> = { good: "32", bad: "31", busy: "36", quiet: "2", strong: "1" };

export function styleOf(options: { readonly colour: boolean; readonly unicode: boolean }): Style {
  return {
    paint: options.colour ? (tone, text) => `\u001b[${CODES[tone]}m${text}\u001b[0m` : (_, text) => text,
    full: options.unicode ? "█" : "#",
    empty: options.unicode ? "░" : ".",
  };
}

export function toneOf(state: JobState | TaskState): Tone {
  switch (state) {
    case "succeeded":
      return "good";
    case "failed":
      return "bad";
    case "running":
    case "backoff":
      return "busy";
    default:
      return "quiet";
  }
}
