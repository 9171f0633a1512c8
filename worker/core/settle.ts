/**
 * What the end of a task means for those that depend on it: they become ready, or are skipped, by their `when`.
 *
 * `success`: ready when all that it depends on has succeeded; skipped as soon as something has not. `failure`: when all of it
 * is final, ready if something ended without success, else it is not needed. `always`: ready when all of it is final.
 *
 * What is not needed is skipped without being a failure: what depends on it with `success` is then not needed either, and a
 * `failure` is none by it. Whether a task is skipped does not depend on the order of the ends.
 */
import {
  EDGE_SAME,
  type PlanGraph,
  WHEN_ALWAYS,
  WHEN_FAILURE,
  WHEN_SUCCESS,
} from "../../src/workflow/plan.ts";
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

/** Settles an end and all that is skipped by it. Iterative: a chain may be as long as the job. */
export function settle(job: JobActor, task: number, omen: number, decisions: Decisions): void {
  const skips: { readonly task: number; readonly omen: number }[] = [];
  const skip = (other: number, verdict: number, because: number): void => {
    setState(job, other, SKIPPED);
    decisions.skipped(other, verdict, because);
    skips.push({ task: other, omen: verdict });
  };
  let ended: { readonly task: number; readonly omen: number } | undefined = { task, omen };
  for (; ended !== undefined; ended = skips.pop()) {
    const because = ended.task;
    countEnd(job, because, ended.omen, (other, verdict) => {
      if (verdict === null) decisions.ready(other);
      else skip(other, verdict, because);
    });
  }
}

/** Counts one end with its dependents, and hands over those that wait and are decided by it. */
export function countEnd(
  job: JobActor,
  task: number,
  omen: number,
  decided: (dependent: number, verdict: Verdict) => void,
): void {
  const { graph } = job;
  const definition = definitionOf(graph, task);
  const element = task - firstTaskOf(graph, definition);
  const remaining = (job.remaining[definition] ?? 0) - 1;
  job.remaining[definition] = remaining;
  const before = job.definitionOmens[definition] ?? 0;
  const omens = before | omen;
  job.definitionOmens[definition] = omens;
  forEachEdge(graph, definition, (dependent, kind) => {
    const first = firstTaskOf(graph, dependent);
    const when = graph.when[dependent] ?? WHEN_SUCCESS;
    if (kind === EDGE_SAME) return meet(job, first + element, when, omen, decided);
    const doomed = when === WHEN_SUCCESS && (omens & OMEN_FAILURE) !== 0;
    // Doomed tasks were skipped with the first failure, and all that is left of the definition changes nothing for them.
    if (doomed ? (before & OMEN_FAILURE) !== 0 : remaining > 0) return;
    const end = firstTaskOf(graph, dependent + 1);
    for (let other = first; other < end; other++) meet(job, other, when, omens, decided);
  });
}

/** One dependency of a task, all of it, has ended; or it is doomed by a part. */
function meet(
  job: JobActor,
  task: number,
  when: number,
  omens: number,
  decided: (task: number, verdict: Verdict) => void,
): void {
  if (stateOf(job, task) !== WAITING) return;
  const all = (job.omens[task] ?? 0) | omens;
  job.omens[task] = all;
  if (when === WHEN_SUCCESS && (all & OMEN_FAILURE) !== 0) return decided(task, OMEN_FAILURE);
  const unfinished = (job.unfinished[task] ?? 0) - 1;
  job.unfinished[task] = unfinished;
  if (unfinished === 0) decided(task, verdictOf(when, all));
}

/** Of a task whose dependencies are all final. */
function verdictOf(when: number, omens: number): Verdict {
  if (when === WHEN_ALWAYS) return null;
  const isFailed = (omens & OMEN_FAILURE) !== 0;
  if (when === WHEN_FAILURE) return isFailed ? null : OMEN_UNNEEDED;
  if (isFailed) return OMEN_FAILURE;
  return omens === OMEN_NONE ? null : OMEN_UNNEEDED;
}

function forEachEdge(
  graph: PlanGraph,
  definition: number,
  visit: (dependent: number, kind: number) => void,
): void {
  const end = graph.dependentOffsets[definition + 1] ?? 0;
  for (let edge = graph.dependentOffsets[definition] ?? 0; edge < end; edge++) {
    visit(graph.dependents[edge] ?? 0, graph.dependentKinds[edge] ?? 0);
  }
}
