/**
 * The DAG of a plan as nodes and edges to be drawn: a node for each definition, or (`expand`) for each task. Too many to be
 * looked at, or laid out, are refused.
 */
import { QrewError } from "../../../protocol/errors.ts";
import type { TaskState } from "../../store/workerRecords.ts";
import { EDGE_SAME, type Plan, WHEN_ALWAYS, WHEN_FAILURE } from "../../workflow/plan.ts";

export interface GraphNode {
  readonly id: number;
  readonly name: string;
  /** Tasks that it stands for. */
  readonly count: number;
  /** When it runs, if not only after success. */
  readonly when: "failure" | "always" | null;
  /** How many of them are in which state; null where that is not known (a document). */
  readonly states: ReadonlyMap<TaskState, number> | null;
}

export interface GraphEdge {
  readonly from: number;
  readonly to: number;
  /** Each element waits for the element of the same index only. */
  readonly isSame: boolean;
}

export interface Graph {
  readonly name: string;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

/** What Graphviz lays out in seconds. */
const NODES_MAX = 2_000;
const EDGES_MAX = 10_000;

export interface GraphOptions {
  readonly expand: boolean;
  /** The state of a task; null for a document. */
  readonly stateOf: ((task: number) => TaskState) | null;
}

/** Throws `refused` when it would be too large. */
export function graphOf(plan: Plan, name: string, options: GraphOptions): Graph {
  return options.expand ? expanded(plan, name, options) : collapsed(plan, name, options);
}

function collapsed(plan: Plan, name: string, { stateOf }: GraphOptions): Graph {
  const { graph } = plan;
  checkSize(graph.definitionCount, graph.dependents.length, false);
  const nodes = Array.from({ length: graph.definitionCount }, (_, definition): GraphNode => {
    const first = graph.firstTask[definition] ?? 0;
    const end = graph.firstTask[definition + 1] ?? first;
    const element = plan.taskName(first);
    const isArray = plan.findTask(element.replace(/\[1\]$/, "")) === null;
    return {
      id: definition,
      name: isArray ? element.replace(/\[1\]$/, "") : element,
      count: end - first,
      when: whenOf(plan, definition),
      states: stateOf === null ? null : countStates(first, end, stateOf),
    };
  });
  return { name, nodes, edges: [...definitionEdges(plan)] };
}

function whenOf({ graph }: Plan, definition: number): GraphNode["when"] {
  const when = graph.when[definition];
  return when === WHEN_FAILURE ? "failure" : when === WHEN_ALWAYS ? "always" : null;
}

function countStates(
  first: number,
  end: number,
  stateOf: (task: number) => TaskState,
): ReadonlyMap<TaskState, number> {
  const states = new Map<TaskState, number>();
  for (let task = first; task < end; task += 1) {
    const state = stateOf(task);
    states.set(state, (states.get(state) ?? 0) + 1);
  }
  return states;
}

function* definitionEdges({ graph }: Plan): Generator<GraphEdge> {
  const { dependentOffsets, dependents, dependentKinds } = graph;
  for (let from = 0; from < graph.definitionCount; from += 1) {
    for (let place = dependentOffsets[from] ?? 0; place < (dependentOffsets[from + 1] ?? 0); place += 1)
      yield { from, to: dependents[place] ?? 0, isSame: dependentKinds[place] === EDGE_SAME };
  }
}

function expanded(plan: Plan, name: string, { stateOf }: GraphOptions): Graph {
  const { graph } = plan;
  const { firstTask, taskCount } = graph;
  const firstOf = (definition: number): number => firstTask[definition] ?? 0;
  const sizeOf = (definition: number): number => firstOf(definition + 1) - firstOf(definition);
  let edgeCount = 0;
  for (const { from, to, isSame } of definitionEdges(plan))
    edgeCount += isSame ? sizeOf(from) : sizeOf(from) * sizeOf(to);
  checkSize(taskCount, edgeCount, true);
  const nodes = Array.from({ length: taskCount }, (_, task): GraphNode => {
    const states = stateOf === null ? null : new Map([[stateOf(task), 1]]);
    return { id: task, name: plan.taskName(task), count: 1, when: null, states };
  });
  const edges: GraphEdge[] = [];
  for (const { from, to, isSame } of definitionEdges(plan)) {
    for (let a = 0; a < sizeOf(from); a += 1) {
      const [first, end] = isSame ? [a, a + 1] : [0, sizeOf(to)];
      for (let b = first; b < end; b += 1)
        edges.push({ from: firstOf(from) + a, to: firstOf(to) + b, isSame: false });
    }
  }
  return { name, nodes, edges };
}

function checkSize(nodes: number, edges: number, isExpanded: boolean): void {
  if (nodes <= NODES_MAX && edges <= EDGES_MAX) return;
  const advice = isExpanded
    ? "leave --expand out, so that an array is one node"
    : "use arrays (`foreach`), which are one node each, or look at it with `qrew tasks`";
  throw new QrewError(
    "refused",
    `The graph has ${nodes} nodes and ${edges} edges, more than the ${NODES_MAX} and ${EDGES_MAX} that can be looked at: ${advice}.`,
  );
}

/** From the one that matters most: a node has the colour of the first of these that it has. */
const STATES: readonly TaskState[] = [
  "failed",
  "running",
  "backoff",
  "cancelled",
  "skipped",
  "ready",
  "waiting",
  "succeeded",
];

export const mainState = (states: ReadonlyMap<TaskState, number>): TaskState =>
  STATES.find((state) => (states.get(state) ?? 0) > 0) ?? "waiting";

/** `part ×300`, and for a job how many of an array are in which state. */
export function labelLines({ name, count, when, states }: GraphNode): readonly string[] {
  const condition = when === null ? [] : [`when: ${when}`];
  if (count === 1) return [name, ...condition];
  const head = `${name} ×${count}`;
  if (states === null) return [head, ...condition];
  const parts = STATES.flatMap((state) => {
    const found = states.get(state) ?? 0;
    return found === 0 ? [] : [`${found} ${state}`];
  });
  return [head, ...condition, parts.join(", ")];
}
