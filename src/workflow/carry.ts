/**
 * What a new round of a job keeps of the rounds before: the ends of tasks that are the same, and whose dependencies are kept as
 * well. Everything else runs.
 */
import { EDGE_SAME, type Plan, type PlanGraph } from "./plan.ts";

/** For a task that the plan before does not have. */
export const NO_TASK = 0xffff_ffff;

export interface Carried {
  /** For each task its number in the plan before, or NO_TASK: by its name. */
  readonly earlier: Uint32Array;
  /** For each task 1 if it keeps its end. */
  readonly kept: Uint8Array;
  /** Every task has the number that it had. */
  readonly isSameShape: boolean;
}

/**
 * `keepable` has an entry for each task of the plan before: 1 if it ended in a way that may be kept. A task is the same if its
 * name, its executor, its body (command, variables, input, folder), its dependencies and its `when` are; slots, limits and
 * repetitions are not asked about.
 */
export function carryOver(before: Plan, plan: Plan, keepable: Uint8Array): Carried {
  const { taskCount } = plan.graph;
  const earlier = new Uint32Array(taskCount);
  const kept = new Uint8Array(taskCount);
  let isSameShape = taskCount === before.graph.taskCount;
  const isChanged = before === plan ? () => false : changedDefinitions(before, plan);
  eachTask(plan.graph, (task, definition) => {
    const known = before === plan ? task : (before.findTask(plan.taskName(task)) ?? NO_TASK);
    earlier[task] = known;
    if (known !== task) isSameShape = false;
    if (known === NO_TASK || keepable[known] !== 1 || isChanged(definition)) return;
    if (before === plan || isSameBody(before, known, plan, task)) kept[task] = 1;
  });
  dropDependents(plan.graph, kept);
  return { earlier, kept, isSameShape };
}

function eachTask(graph: PlanGraph, visit: (task: number, definition: number) => void): void {
  for (let definition = 0; definition < graph.definitionCount; definition++) {
    const end = graph.firstTask[definition + 1] ?? 0;
    for (let task = graph.firstTask[definition] ?? 0; task < end; task++) visit(task, definition);
  }
}

function isSameBody(before: Plan, known: number, plan: Plan, task: number): boolean {
  return JSON.stringify(before.resolve(known)) === JSON.stringify(plan.resolve(task));
}

/** Whether a definition of the plan depends on something else than that of its name before, or is run in another way. */
function changedDefinitions(before: Plan, plan: Plan): (definition: number) => boolean {
  const earlier = new Map<string, string>();
  const old = bindingsOf(before);
  for (let definition = 0; definition < before.graph.definitionCount; definition++) {
    earlier.set(definitionName(before, definition), old[definition] ?? "");
  }
  const now = bindingsOf(plan);
  return (definition) => earlier.get(definitionName(plan, definition)) !== now[definition];
}

/** `name` for a single task, `name[` for an array: one that has become the other is another. */
function definitionName(plan: Plan, definition: number): string {
  return plan.taskName(plan.graph.firstTask[definition] ?? 0).replace(/\[1\]$/, "[");
}

/** Of each definition what it depends on and how, as text that does not depend on any order. */
function bindingsOf(plan: Plan): readonly string[] {
  const { graph } = plan;
  const incoming: string[][] = Array.from({ length: graph.definitionCount }, () => []);
  for (let definition = 0; definition < graph.definitionCount; definition++) {
    const end = graph.dependentOffsets[definition + 1] ?? 0;
    for (let edge = graph.dependentOffsets[definition] ?? 0; edge < end; edge++) {
      const name = definitionName(plan, definition);
      incoming[graph.dependents[edge] ?? 0]?.push(JSON.stringify([name, graph.dependentKinds[edge]]));
    }
  }
  return incoming.map((edges, definition) =>
    JSON.stringify([graph.when[definition], executorOf(graph, definition), edges.toSorted()]),
  );
}

function executorOf(graph: PlanGraph, definition: number): string {
  const first = graph.elementClasses.get(definition)?.[0];
  return graph.classes[first ?? graph.definitionClass[definition] ?? 0]?.executor ?? "";
}

/** What depends on something that runs again runs again. Iterative: a chain may be as long as the job. */
function dropDependents(graph: PlanGraph, kept: Uint8Array): void {
  const spread = new Uint8Array(graph.definitionCount);
  const pending: (readonly [task: number, definition: number])[] = [];
  eachTask(graph, (task, definition) => {
    if (kept[task] === 0) pending.push([task, definition]);
  });
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [task, definition] = next;
    const drop = (other: number, of: number): void => {
      if (kept[other] === 0) return;
      kept[other] = 0;
      pending.push([other, of]);
    };
    const isFirst = spread[definition] === 0;
    spread[definition] = 1;
    const element = task - (graph.firstTask[definition] ?? 0);
    const end = graph.dependentOffsets[definition + 1] ?? 0;
    for (let edge = graph.dependentOffsets[definition] ?? 0; edge < end; edge++) {
      const dependent = graph.dependents[edge] ?? 0;
      const first = graph.firstTask[dependent] ?? 0;
      if (graph.dependentKinds[edge] === EDGE_SAME) drop(first + element, dependent);
      else if (isFirst) {
        const last = graph.firstTask[dependent + 1] ?? 0;
        for (let other = first; other < last; other++) drop(other, dependent);
      }
    }
  }
}
