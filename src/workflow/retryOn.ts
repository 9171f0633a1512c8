/** `on` of retry: after which ends an attempt is repeated. */
import { constants } from "node:os";
import type { FaultList } from "./fault.ts";
import type { Field } from "./field.ts";
import { didYouMean } from "./nearest.ts";
import { describe, numberOf } from "./scalar.ts";

/** What a process can say of itself. */
const EXIT_CODE_MAX = 255;

/** Ends that are neither an exit code nor a signal: the time limit was reached; `outputs` were not there. */
export const RETRY_WORDS = ["timeout", "outputs"] as const;

export const SIGNAL_NAMES: readonly string[] = Object.keys(constants.signals);

const WORDS: ReadonlySet<string> = new Set([...RETRY_WORDS, ...SIGNAL_NAMES]);

/** Sorted, so that equal sets are equal; null after a fault. */
export function readRetryOn(
  field: Field,
  value: unknown,
  faults: FaultList,
): readonly (number | string)[] | null {
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (items.length === 0) {
    field.blame(faults, () => "on of retry is empty: name at least one exit code, or leave it out.");
    return null;
  }
  const read = new Set<number | string>();
  for (const item of items) {
    const code = numberOf(item);
    if (code !== null && Number.isInteger(code) && code >= 1 && code <= EXIT_CODE_MAX) read.add(code);
    else if (typeof item === "string" && WORDS.has(item)) read.add(item);
    else {
      const guess = typeof item === "string" ? didYouMean(item, WORDS, OTHER_NAMES) : "";
      field.blame(
        faults,
        () =>
          `on of retry must have exit codes from 1 to ${EXIT_CODE_MAX}, names of signals such as SIGKILL, timeout or outputs, found ${describe(item)}.${guess}`,
      );
      return null;
    }
  }
  return [...read].toSorted((a, b) => (String(a) < String(b) ? -1 : 1));
}

const OTHER_NAMES: ReadonlyMap<string, string> = new Map(
  ["HUP", "INT", "QUIT", "KILL", "SEGV", "BUS", "TERM", "ABRT", "USR1", "USR2", "XCPU", "FPE", "PIPE"].map(
    (name) => [name.toLowerCase(), `SIG${name}`],
  ),
);
