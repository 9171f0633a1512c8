/** Which faults a seed has: some kinds and not others, since a storm of all of them hides what two of them do together. */
import type { Mutation } from "./mutations.ts";
import type { Random } from "./random.ts";

const KINDS = [
  "killManager",
  "killWorker",
  "killExecutor",
  "killForkserver",
  "killAllButForkservers",
  "freeze",
  "resetLinks",
  "powerCut",
  "fillDisk",
  "stopDaemon",
] as const;
export type FaultKind = (typeof KINDS)[number];

export interface FaultSettings {
  readonly kinds: readonly FaultKind[];
  readonly count: number;
  readonly endMs: number;
  /** Probabilities, per message, start, or point at which an actor may die. */
  readonly slow: number;
  readonly double: number;
  readonly spawnFailure: number;
  readonly crash: number;
}

/** What is told too early is lost in power cuts only, and those are rare: a mutation that needs them gets them. */
export function makeFaultSettings(random: Random, mutation: Mutation | null): FaultSettings {
  const isCalm = random.chance(0.1);
  const powerCut = mutation === "toldBeforeFlush" ? 1 : 0.15;
  const kinds = isCalm ? [] : KINDS.filter((kind) => random.chance(kind === "powerCut" ? powerCut : 0.35));
  return {
    kinds,
    count: kinds.length === 0 ? 0 : random.between(1, 8),
    endMs: random.pick([3000, 10_000, 25_000]),
    slow: random.pick([0, 0.001, 0.02]),
    double: random.pick([0, 0, 0.03]),
    spawnFailure: random.pick([0, 0, 0, 0.1]),
    crash: isCalm ? 0 : random.pick([0, 0, 0.002, 0.02]),
  };
}
