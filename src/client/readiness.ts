/**
 * Which tasks that have no record yet are ready: all they depend on has succeeded. The store does not say it, since a
 * record for each ready task would be one more write for every task of every job.
 */
import { EDGE_ALL, type PlanGraph } from "../workflow/plan.ts";

/** For one moment: what it was made from goes on changing. */
export interface Readiness {
  isReady(task: number): boolean;
}

/** `succeeded` has an entry for each task of the graph, 1 where it has succeeded. */
export function computeReadiness(graph: PlanGraph, succeeded: Uint8Array): Readiness {
  const isBlocked = new Uint8Array(graph.definitionCount);
  /** Definitions whose element i needs element i of the listed ones. */
  const pairs = new Map<number, number[]>();
  for (let definition = 0; definition < graph.definitionCount; definition += 1) {
    const isDone = allSucceeded(graph, definition, succeeded);
    const end = graph.dependentOffsets[definition + 1] ?? 0;
    for (let edge = graph.dependentOffsets[definition] ?? 0; edge < end; edge += 1) {
      const dependent = graph.dependents[edge] ?? 0;
      if (isDone) continue;
      if (graph.dependentKinds[edge] === EDGE_ALL) isBlocked[dependent] = 1;
      else pairs.set(dependent, [...(pairs.get(dependent) ?? []), definition]);
    }
  }
  return {
    isReady: (task) => {
      const definition = definitionOf(graph, task);
      if (isBlocked[definition] === 1) return false;
      const element = task - (graph.firstTask[definition] ?? 0);
      const sources = pairs.get(definition) ?? [];
      return sources.every((source) => succeeded[(graph.firstTask[source] ?? 0) + element] === 1);
    },
  };
}

function allSucceeded(graph: PlanGraph, definition: number, succeeded: Uint8Array): boolean {
  const end = graph.firstTask[definition + 1] ?? 0;
  for (let task = graph.firstTask[definition] ?? 0; task < end; task += 1) {
    if (succeeded[task] !== 1) return false;
  }
  return true;
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
