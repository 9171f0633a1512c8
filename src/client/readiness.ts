/**
 * Which tasks that have no record yet are ready: what they depend on has ended as their `when` asks. The store does not say it,
 * since a record for each ready task would be one more write for every task of every job.
 */
import { assert } from "../../protocol/errors.ts";
import { EDGE_ALL, type PlanGraph, type TaskClass, WHEN_ALWAYS, WHEN_SUCCESS } from "../workflow/plan.ts";

/** How a task ended. */
export const NOT_ENDED = 0;
export const ENDED_WELL = 1;
export const ENDED_BADLY = 2; // failed, cancelled, or skipped because of such an end
export const NOT_NEEDED = 3;

/** For one moment: what it was made from goes on changing. */
export interface Readiness {
  isReady(task: number): boolean;
}

/** What the tasks of a definition, or one of them, have come to. */
interface Standing {
  readonly isFinal: boolean;
  readonly isSuccess: boolean;
  readonly isFailure: boolean;
}

/** `ends` has an entry for each task of the graph: one of the codes above. */
export function computeReadiness(graph: PlanGraph, ends: Uint8Array): Readiness {
  /** Of each definition, what it depends on as a whole. */
  const wholes: Standing[] = Array.from({ length: graph.definitionCount }, () => NOTHING);
  /** Definitions whose element i needs element i of the listed ones. */
  const pairs = new Map<number, number[]>();
  for (let definition = 0; definition < graph.definitionCount; definition += 1) {
    const end = graph.dependentOffsets[definition + 1] ?? 0;
    const start = graph.dependentOffsets[definition] ?? 0;
    if (start === end) continue;
    const standing = standingOf(ends, graph.firstTask[definition] ?? 0, graph.firstTask[definition + 1] ?? 0);
    for (let edge = start; edge < end; edge += 1) {
      const dependent = graph.dependents[edge] ?? 0;
      if (graph.dependentKinds[edge] === EDGE_ALL) wholes[dependent] = joined(wholes[dependent], standing);
      else if (!standing.isSuccess || graph.when[dependent] !== WHEN_SUCCESS) {
        pairs.set(dependent, [...(pairs.get(dependent) ?? []), definition]);
      }
    }
  }
  return {
    isReady: (task) => {
      const definition = definitionOf(graph, task);
      const element = task - (graph.firstTask[definition] ?? 0);
      let standing = wholes[definition] ?? NOTHING;
      for (const source of pairs.get(definition) ?? []) {
        const other = (graph.firstTask[source] ?? 0) + element;
        standing = joined(standing, standingOf(ends, other, other + 1));
      }
      return isMet(graph.when[definition] ?? WHEN_SUCCESS, standing);
    },
  };
}

const NOTHING: Standing = { isFinal: true, isSuccess: true, isFailure: false };

const joined = (a: Standing = NOTHING, b: Standing): Standing => ({
  isFinal: a.isFinal && b.isFinal,
  isSuccess: a.isSuccess && b.isSuccess,
  isFailure: a.isFailure || b.isFailure,
});

function isMet(when: number, { isFinal, isSuccess, isFailure }: Standing): boolean {
  if (when === WHEN_SUCCESS) return isSuccess;
  return isFinal && (when === WHEN_ALWAYS || isFailure);
}

function standingOf(ends: Uint8Array, first: number, end: number): Standing {
  let isFinal = true;
  let isSuccess = true;
  let isFailure = false;
  for (let task = first; task < end; task += 1) {
    const code = ends[task] ?? NOT_ENDED;
    isFinal &&= code !== NOT_ENDED;
    isSuccess &&= code === ENDED_WELL;
    isFailure ||= code === ENDED_BADLY;
  }
  return { isFinal, isSuccess, isFailure };
}

/** The definition that a task belongs to, by bisection over the first tasks. */
export function definitionOf(graph: PlanGraph, task: number): number {
  let low = 0;
  let high = graph.definitionCount - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((graph.firstTask[middle] ?? 0) <= task) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** What the scheduler knows of a task. */
export function classOfTask(graph: PlanGraph, task: number): TaskClass {
  const definition = definitionOf(graph, task);
  const element = task - (graph.firstTask[definition] ?? 0);
  const index = graph.elementClasses.get(definition)?.[element] ?? graph.definitionClass[definition] ?? 0;
  const found = graph.classes[index];
  assert(found !== undefined, "a task has a class");
  return found;
}
