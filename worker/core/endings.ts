/** The ends of a message, each of which may be the first word of its attempt's start as well. */
import type { AttemptEnded } from "../../protocol/executorLink.ts";
import { noteEarlyStart, onAttemptEnded } from "./attempts.ts";
import type { Turn } from "./turn.ts";

/**
 * In the order in which they are told, which is that of the ends. A start that is told with its end has its number before those of the
 * starts and ends that came after it, as if it had been told by itself.
 */
export function onAttemptsEnded(turn: Turn, ends: readonly AttemptEnded[]): void {
  const starts = ends.length === 1 ? [] : byStart(ends);
  let next = 0;
  for (const end of ends) {
    for (
      let start = starts[next];
      start !== undefined && startOf(start) <= end.endedMonoMs;
      start = starts[next]
    ) {
      noteEarlyStart(turn, start);
      next += 1;
    }
    onAttemptEnded(turn, end);
  }
}

const startOf = (end: AttemptEnded): number => end.startedMonoMs ?? Number.POSITIVE_INFINITY;

const byStart = (ends: readonly AttemptEnded[]): AttemptEnded[] =>
  ends.toSorted((left, right) => startOf(left) - startOf(right));
