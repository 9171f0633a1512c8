/** Starts and ends that follow each other become one message: a frame of a busy node has few of them, each with many attempts. */
import type { ExecutorFact } from "../protocol/executorLink.ts";

/** Ends carry output of up to 64 KiB, and a frame is bounded. */
const ENDS_PER_MESSAGE = 64;
const STARTS_PER_MESSAGE = 1024;

export function joinFacts(facts: readonly ExecutorFact[]): readonly ExecutorFact[] {
  const joined: ExecutorFact[] = [];
  for (const fact of facts) {
    const last = joined.at(-1);
    if (
      fact.type === "attemptsEnded" &&
      last?.type === "attemptsEnded" &&
      last.attempts.length < ENDS_PER_MESSAGE
    ) {
      last.attempts.push(...fact.attempts);
    } else if (
      fact.type === "attemptsStarted" &&
      last?.type === "attemptsStarted" &&
      last.attempts.length < STARTS_PER_MESSAGE
    ) {
      last.attempts.push(...fact.attempts);
    } else joined.push(fact);
  }
  return joined;
}
