/**
 * Starts and ends become few messages with many attempts each: a frame of a busy node is then read once, not attempt by attempt.
 * A start is left out where the end follows, which tells it as well. What has started and not ended comes after the ends, since most of
 * it has started after what has ended; a start of such a one that came before the start of one whose end follows keeps its place. So does
 * everything else.
 */
import type { AttemptEnded, AttemptStarted, ExecutorFact } from "../protocol/executorLink.ts";
import { attemptKey } from "../protocol/ids.ts";

/** Ends carry output of up to 64 KiB, and a frame is bounded. */
const ENDS_PER_MESSAGE = 128;
const STARTS_PER_MESSAGE = 1024;

export function joinFacts(facts: readonly ExecutorFact[]): readonly ExecutorFact[] {
  const joined: ExecutorFact[] = [];
  let starts = new Map<string, AttemptStarted>();
  let ends: AttemptEnded[] = [];
  const early = startsBeforeOthers(facts);
  const close = (): void => {
    for (const attempts of pieces(ends, ENDS_PER_MESSAGE)) joined.push({ type: "attemptsEnded", attempts });
    for (const attempts of pieces([...starts.values()], STARTS_PER_MESSAGE)) {
      joined.push({ type: "attemptsStarted", attempts });
    }
    starts = new Map();
    ends = [];
  };
  for (const fact of facts) {
    if (fact.type === "attemptsStarted") {
      for (const start of fact.attempts) {
        starts.set(attemptKey(start), start);
        if (early.has(start)) close();
      }
    } else if (fact.type === "attemptsEnded") {
      for (const end of fact.attempts) {
        if (starts.size > 0) starts.delete(attemptKey(end));
        ends.push(end);
      }
    } else {
      close();
      joined.push(fact);
    }
  }
  close();
  return joined;
}

/** Starts whose end does not follow, and which come before the start of one whose end does. */
function startsBeforeOthers(facts: readonly ExecutorFact[]): ReadonlySet<AttemptStarted> {
  const early = new Set<AttemptStarted>();
  const ended = new Set<string>();
  let isBeforeOthers = false;
  for (const fact of facts.toReversed()) {
    if (fact.type === "attemptsEnded") {
      for (const end of fact.attempts) ended.add(attemptKey(end));
    } else if (fact.type === "attemptsStarted") {
      for (const start of fact.attempts.toReversed()) {
        if (ended.has(attemptKey(start))) isBeforeOthers = true;
        else if (isBeforeOthers) early.add(start);
      }
    } else {
      ended.clear();
      isBeforeOthers = false;
    }
  }
  return early;
}

function* pieces<Item>(items: readonly Item[], length: number): Generator<Item[]> {
  for (let at = 0; at < items.length; at += length) yield items.slice(at, at + length);
}
