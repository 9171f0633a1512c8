/** What a job asks for at its beginning, as its QWorker would say it: so that a loan can go out with the job. */
import { DEMAND_CLASSES_MAX } from "../../protocol/limits.ts";
import type { Resources } from "../../protocol/resources.ts";
import type { DemandClass } from "../../protocol/workerLink.ts";
import { countWithin, equalResources, isNoResources, ONE_CPU } from "../node/resources.ts";
import type { PlanGraph } from "./plan.ts";

/**
 * The classes of the tasks without dependencies, highest priority first, then in the order of the document. The QWorker corrects
 * what it says too much or too little: arrays whose elements differ are left to it.
 */
function firstDemand(graph: PlanGraph, capacity: Resources): DemandClass[] {
  const counts = new Map<number, number>();
  for (let definition = 0; definition < graph.definitionCount; definition++) {
    if ((graph.needs[definition] ?? 0) > 0 || graph.elementClasses.has(definition)) continue;
    const tasks = (graph.firstTask[definition + 1] ?? 0) - (graph.firstTask[definition] ?? 0);
    const of = graph.definitionClass[definition] ?? 0;
    counts.set(of, (counts.get(of) ?? 0) + tasks);
  }
  const classes: DemandClass[] = [];
  for (const [index, tasks] of counts) {
    const found = graph.classes[index];
    if (found === undefined || isNoResources(found.resources) || tasks === 0) continue;
    const { priority, resources } = found;
    const wanted = Math.min(tasks, graph.maxRunning ?? Number.POSITIVE_INFINITY);
    classes.push({ priority, resources, count: Math.min(wanted, countWithin(resources, capacity)) });
  }
  if (classes.length < 2) return classes;
  return classes.sort((a, b) => b.priority - a.priority).slice(0, DEMAND_CLASSES_MAX);
}

/** Whether it is one shell task of one cpu and nothing else, without a priority: such jobs can share what they borrow. */
export function isOrdinarySingle(graph: PlanGraph): boolean {
  const [found] = graph.classes;
  if (graph.taskCount !== 1 || graph.classes.length !== 1 || found === undefined) return false;
  return found.executor === "shell" && found.priority === 0 && equalResources(found.resources, ONE_CPU);
}

/** What a manager has to know of a new job to lend to it. */
export const borrowingOf = (
  graph: PlanGraph,
  capacity: Resources,
): { demand: DemandClass[]; isOrdinarySingle: boolean } => ({
  demand: firstDemand(graph, capacity),
  isOrdinarySingle: isOrdinarySingle(graph),
});
