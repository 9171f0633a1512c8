/** Runs of many seeds for the tests. */
import type { Mutation } from "./mutations.ts";
import { describeFailure } from "./report.ts";
import { simulate } from "./simulate.ts";

/** The first failure among the seeds, for people; null if there is none. */
export function firstFailure(first: number, count: number, mutation: Mutation | null = null): string | null {
  for (let seed = first; seed < first + count; seed++) {
    const result = simulate(seed, { mutation });
    if (result.violation !== null) return describeFailure(result, mutation);
  }
  return null;
}
