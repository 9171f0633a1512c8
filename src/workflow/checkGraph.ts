/** Checks that no index of a stored graph leads out of it, and that its counts agree. */
import { damaged } from "./columnPlan.ts";
import { EDGE_ALL, EDGE_SAME, type PlanTables, WHEN_ALWAYS } from "./plan.ts";

/** Throws `storeDamaged`. Linear in definitions and edges; that the graph has no cycle is not looked at. */
export function checkGraph(graph: PlanTables): void {
  const { classes, definitionClass, definitionCount, dependentOffsets, needs } = graph;
  const check = (holds: boolean, what: string): void => {
    if (!holds) throw damaged(what);
  };
  checkAscending(graph.firstTask, 1, "firstTask");
  checkAscending(dependentOffsets, 0, "dependentOffsets");
  check(dependentOffsets.length === definitionCount + 1, "dependentOffsets has another length");
  check(dependentOffsets[definitionCount] === graph.dependents.length, "dependents has another length");
  check(graph.dependentKinds.length === graph.dependents.length, "dependentKinds has another length");
  check(definitionClass.length === definitionCount, "definitionClass has another length");
  check(needs.length === definitionCount, "needs has another length");
  check(graph.when.length === definitionCount, "when has another length");
  check(largest(graph.when) <= WHEN_ALWAYS, "when has something else");
  check(sum(needs) === graph.dependents.length, "needs and dependents disagree");
  check(largest(definitionClass) < classes.length, "a class is missing");
  for (const numbers of graph.elementClasses.values()) {
    check(largest(numbers) < classes.length, "a class is missing");
  }
  checkEdges(graph);
}

/** The largest of the numbers, 0 if there are none. By index: an iterator takes three times as long. */
export function largest(numbers: Uint32Array | Uint8Array): number {
  let most = 0;
  for (let index = 0; index < numbers.length; index += 1) most = Math.max(most, numbers[index] ?? 0);
  return most;
}

function sum(numbers: Uint32Array): number {
  let total = 0;
  for (let index = 0; index < numbers.length; index += 1) total += numbers[index] ?? 0;
  return total;
}

function checkAscending(numbers: Uint32Array, least: number, what: string): void {
  if (numbers[0] !== 0) throw damaged(`${what} does not begin with 0`);
  for (let index = 1; index < numbers.length; index += 1) {
    if ((numbers[index] ?? 0) - (numbers[index - 1] ?? 0) < least) throw damaged(`${what} is not in order`);
  }
}

function checkEdges(graph: PlanTables): void {
  const { definitionCount, dependentKinds, dependentOffsets, dependents, firstTask } = graph;
  const size = (definition: number): number =>
    (firstTask[definition + 1] ?? 0) - (firstTask[definition] ?? 0);
  let origin = 0;
  for (let edge = 0; edge < dependents.length; edge += 1) {
    while (edge >= (dependentOffsets[origin + 1] ?? 0)) origin += 1;
    const dependent = dependents[edge] ?? 0;
    const kind = dependentKinds[edge];
    if (dependent >= definitionCount || dependent === origin) throw damaged("an edge leads out of the plan");
    if (kind === EDGE_ALL) continue;
    if (kind !== EDGE_SAME || size(dependent) !== size(origin)) throw damaged("an edge is of no kind");
  }
}
