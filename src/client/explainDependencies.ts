/** Which dependency a waiting task waits for, and what state that is in. */
import { type TaskIndex, taskIndex } from "../../protocol/ids.ts";
import { EDGE_SAME } from "../workflow/plan.ts";
import type { Asked, Reason } from "./reasons.ts";
import { definitionOf } from "./readiness.ts";
import type { TaskView } from "./readTasks.ts";

interface Open {
  readonly first: TaskView;
  /** All that have not ended, the first among them. */
  readonly count: number;
}

/** Null where everything that it depends on has ended. */
export function waitsForDependencies(asked: Asked, task: TaskIndex): Reason | null {
  const open = sourcesOf(asked, task).flatMap((range) => openOf(asked, range) ?? []);
  const [foremost] = open.toSorted((a, b) => urgencyOf(a.first) - urgencyOf(b.first));
  if (foremost === undefined) return null;
  const others = open.reduce((sum, { count }) => sum + count, 0) - 1;
  const more = others === 0 ? "" : `, and for ${others} more`;
  const why = foremost.first.reason === null ? "" : `: ${foremost.first.reason}`;
  const text = `It waits for ${foremost.first.name}, which is ${standingOf(foremost.first)}${why}${more}.`;
  return { code: "dependency", text };
}

const standingOf = ({ state }: TaskView): string => (state === "backoff" ? "in backoff" : state);

/** What is farthest says most. */
const urgencyOf = ({ state }: TaskView): number => ["backoff", "running", "ready", "waiting"].indexOf(state);

/** The tasks that it depends on, as ranges. */
function sourcesOf({ plan }: Asked, task: TaskIndex): readonly (readonly [first: number, end: number])[] {
  const { graph } = plan;
  const wanted = definitionOf(graph, task);
  const element = task - (graph.firstTask[wanted] ?? 0);
  const ranges: (readonly [number, number])[] = [];
  for (let definition = 0; definition < graph.definitionCount; definition++) {
    const end = graph.dependentOffsets[definition + 1] ?? 0;
    for (let edge = graph.dependentOffsets[definition] ?? 0; edge < end; edge++) {
      if (graph.dependents[edge] !== wanted) continue;
      const first = graph.firstTask[definition] ?? 0;
      if (graph.dependentKinds[edge] === EDGE_SAME) ranges.push([first + element, first + element + 1]);
      else ranges.push([first, graph.firstTask[definition + 1] ?? first]);
    }
  }
  return ranges;
}

function openOf({ tasks }: Asked, [first, end]: readonly [number, number]): Open | null {
  const ended = new Set<number>();
  for (const { task, record } of tasks.recordedBetween(first, end)) {
    if (["succeeded", "failed", "cancelled", "skipped"].includes(record.state)) ended.add(task);
  }
  const count = end - first - ended.size;
  if (count === 0) return null;
  let foremost: TaskView | null = null;
  let looked = 0;
  for (let task = first; task < end && looked < LOOKED_AT_MAX; task++) {
    if (ended.has(task)) continue;
    const view = tasks.task(taskIndex(task));
    if (foremost === null || urgencyOf(view) < urgencyOf(foremost)) foremost = view;
    looked += 1;
  }
  return foremost === null ? null : { first: foremost, count };
}

/** Open elements of an array that are compared: those in front are the first to run. */
const LOOKED_AT_MAX = 100;
