/**
 * What the end of a task means for those that depend on it: they become ready, or are skipped, by their `when`.
 *
 * `success`: ready when all that it depends on has succeeded; skipped as soon as something has not. `failure`: when all of it
 * is final, ready if something ended without success, else it is not needed. `always`: ready when all of it is final.
 *
 * What is not needed is skipped without being a failure: what depends on it with `success` is then not needed either, and a
 * `failure` is none by it. Whether a task is skipped does not depend on the order of the ends.
 */
import { EDGE_SAME, WHEN_ALWAYS, WHEN_FAILURE, WHEN_SUCCESS } from "../../src/workflow/plan.ts";
import { definitionOf, firstTaskOf, setState, stateOf } from "./job.ts";
import type { JobActor } from "./state.ts";
import { SKIPPED, WAITING } from "./taskStates.ts";

/** What an end forebodes to dependents; bits, so that those of several add up. */
export const OMEN_NONE = 0; // succeeded
export const OMEN_FAILURE = 1; // failed, cancelled, or skipped because of such an end
export const OMEN_UNNEEDED = 2; // skipped because it was not needed

/** A task that is decided: null is ready, else it is skipped, which forebodes this. */
type Verdict = typeof OMEN_FAILURE | typeof OMEN_UNNEEDED | null;

export interface Decisions {
  ready(task: number): void;
  /** The state is set; `because` is the end that decided. */
  skipped(task: number, omen: number, because: number): void;
}

/** Settles ends, one after the other, and all that is skipped by them. */
export class Settlement {
  readonly #job: JobActor;
  readonly #decisions: Decisions;
  /** Skipped, and what that means for others is not settled yet. */
  readonly #skips: { readonly task: number; readonly omen: number }[] = [];

  constructor(job: JobActor, decisions: Decisions) {
    this.#job = job;
    this.#decisions = decisions;
  }

  /** Iterative: a chain of skips may be as long as the job. */
  ended(task: number, omen: number): void {
    countEnd(this.#job, task, omen, this.#decide);
    for (let skip = this.#skips.pop(); skip !== undefined; skip = this.#skips.pop()) {
      countEnd(this.#job, skip.task, skip.omen, this.#decide);
    }
  }

  readonly #decide = (other: number, verdict: Verdict, because: number): void => {
    if (verdict === null) return this.#decisions.ready(other);
    setState(this.#job, other, SKIPPED);
    this.#decisions.skipped(other, verdict, because);
    this.#skips.push({ task: other, omen: verdict });
  };
}

export const settle = (job: JobActor, task: number, omen: number, decisions: Decisions): void =>
  new Settlement(job, decisions).ended(task, omen);

/** `because`: the end by which the dependent is decided. */
type Decided = (dependent: number, verdict: Verdict, because: number) => void;

/** Counts one end with its dependents, and hands over those that wait and are decided by it. */
export function countEnd(job: JobActor, task: number, omen: number, decided: Decided): void {
  const { graph } = job;
  const definition = definitionOf(graph, task);
  const remaining = (job.remaining[definition] ?? 0) - 1;
  job.remaining[definition] = remaining;
  const before = job.definitionOmens[definition] ?? 0;
  const omens = before | omen;
  if (omens !== before) job.definitionOmens[definition] = omens;
  const edgesEnd = graph.dependentOffsets[definition + 1] ?? 0;
  for (let edge = graph.dependentOffsets[definition] ?? 0; edge < edgesEnd; edge++) {
    const dependent = graph.dependents[edge] ?? 0;
    const when = graph.when[dependent] ?? WHEN_SUCCESS;
    if (graph.dependentKinds[edge] === EDGE_SAME) {
      const element = task - firstTaskOf(graph, definition);
      meet(job, firstTaskOf(graph, dependent) + element, when, omen, task, decided);
      continue;
    }
    const doomed = when === WHEN_SUCCESS && (omens & OMEN_FAILURE) !== 0;
    // Doomed tasks were skipped with the first failure, and all that is left of the definition changes nothing for them.
    if (doomed ? (before & OMEN_FAILURE) !== 0 : remaining > 0) continue;
    const end = firstTaskOf(graph, dependent + 1);
    for (let other = firstTaskOf(graph, dependent); other < end; other++) {
      meet(job, other, when, omens, task, decided);
    }
  }
}

/**
 * One dependency of a task, all of it, has ended; or it is doomed by a part. Of most tasks only the counter is looked at: in a large
 * job each look is a miss of the caches.
 */
function meet(
  job: JobActor,
  task: number,
  when: number,
  omens: number,
  because: number,
  decided: Decided,
): void {
  if (omens !== OMEN_NONE) job.omens[task] = (job.omens[task] ?? 0) | omens;
  if (when === WHEN_SUCCESS && (omens & OMEN_FAILURE) !== 0) {
    // One that was sent already, to follow another, is decided when it comes back.
    if (stateOf(job, task) === WAITING && !job.live.has(task)) decided(task, OMEN_FAILURE, because);
    return;
  }
  const unfinished = (job.unfinished[task] ?? 0) - 1;
  job.unfinished[task] = unfinished;
  if (unfinished > 0 || stateOf(job, task) !== WAITING) return;
  decided(task, verdictOf(when, job.omens[task] ?? 0), because);
}

/** Of a task whose dependencies are all final. */
function verdictOf(when: number, omens: number): Verdict {
  if (when === WHEN_ALWAYS) return null;
  const isFailed = (omens & OMEN_FAILURE) !== 0;
  if (when === WHEN_FAILURE) return isFailed ? null : OMEN_UNNEEDED;
  if (isFailed) return OMEN_FAILURE;
  return omens === OMEN_NONE ? null : OMEN_UNNEEDED;
}
