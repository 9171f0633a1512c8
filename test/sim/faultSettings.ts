/** Which faults a seed has: some kinds and not others, since a storm of all of them hides what two of them do together. */
import { type Mutation, needsPowerCuts } from "./mutations.ts";
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
  readonly loadFailure: number;
  readonly crash: number;
  /** Probability that the power is cut shortly after the manager has given a job away: one store may have it on disk, the other not. */
  readonly cutAfterAssignment: number;
  /** A flush takes so long at most. */
  readonly flushMs: number;
  /** After so long at most the disk has written by itself what was committed. */
  readonly flushLagMs: number;
}

export function makeFaultSettings(random: Random, mutation: Mutation | null): FaultSettings {
  const isCalm = random.chance(0.1);
  const powerCut = needsPowerCuts(mutation) ? 1 : 0.25;
  const kinds = isCalm ? [] : KINDS.filter((kind) => random.chance(kind === "powerCut" ? powerCut : 0.35));
  return {
    kinds,
    count: kinds.length === 0 ? 0 : random.between(1, 8),
    endMs: random.pick([3000, 10_000, 25_000]),
    slow: random.pick([0, 0.001, 0.02]),
    double: random.pick([0, 0, 0.03]),
    spawnFailure: random.pick([0, 0, 0, 0.1]),
    loadFailure: isCalm ? 0 : random.pick([0, 0, 0.1]),
    crash: isCalm ? 0 : random.pick([0, 0, 0.002, 0.02]),
    cutAfterAssignment: isCalm ? 0 : needsPowerCuts(mutation) ? 0.5 : random.pick([0, 0, 0, 0, 0.05]),
    flushMs: needsPowerCuts(mutation) ? 4000 : random.pick([40, 40, 40, 1500]),
    flushLagMs: random.pick([700, 700, 8000]),
  };
}
