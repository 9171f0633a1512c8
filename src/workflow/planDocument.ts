/** Turns a document without faults, and its links, into the columns of a plan. */
import { ColumnPlan, NO_VALUES, type PlanColumns } from "./columnPlan.ts";
import { type Definition, elementCount, type WorkflowDocument } from "./document.ts";
import type { ForeachAxis } from "./foreach.ts";
import { type Graph, transpose } from "./graph.ts";
import type { PlanGraph } from "./plan.ts";
import { textColumn } from "./textColumn.ts";

export function planDocument(document: WorkflowDocument, links: Graph): ColumnPlan {
  const { definitions } = document;
  return new ColumnPlan({
    name: document.name,
    env: document.env,
    defaultParams: document.defaultParams,
    graph: planGraph(document, links),
    names: textColumn(namesOf(definitions), definitions.length),
    ...commandColumns(definitions),
    params: textColumn(document.params, document.params.length),
    paramsOf: Uint32Array.from(definitions, ({ paramsIndex }) => paramsIndex),
    ...arrayColumns(definitions),
  });
}

function* namesOf(definitions: readonly Definition[]): Generator<string> {
  for (const { name } of definitions) yield name;
}

function planGraph(document: WorkflowDocument, links: Graph): PlanGraph {
  const { definitions } = document;
  const firstTask = new Uint32Array(definitions.length + 1);
  const needs = new Uint32Array(definitions.length);
  const definitionClass = new Uint32Array(definitions.length);
  const when = new Uint8Array(definitions.length);
  for (const [index, definition] of definitions.entries()) {
    firstTask[index + 1] = (firstTask[index] ?? 0) + elementCount(definition);
    needs[index] = (links.offsets[index + 1] ?? 0) - (links.offsets[index] ?? 0);
    definitionClass[index] = definition.classIndex;
    when[index] = definition.when;
  }
  const outgoing = transpose(links);
  return {
    definitionCount: definitions.length,
    taskCount: document.taskCount,
    firstTask,
    needs,
    dependentOffsets: outgoing.offsets,
    dependents: outgoing.targets,
    dependentKinds: outgoing.kinds,
    definitionClass,
    elementClasses: document.elementClasses,
    classes: document.classes,
    when,
    maxRunning: document.maxRunning,
    failFast: document.failFast,
  };
}

/** Equal commands are kept once: a default that a million tasks share must not fill the memory. */
function commandColumns(definitions: readonly Definition[]): Pick<PlanColumns, "commands" | "commandOf"> {
  const numbers = new Map<string, number>();
  const commandOf = new Uint32Array(definitions.length);
  for (const [index, { command }] of definitions.entries()) {
    const text = JSON.stringify(command);
    const known = numbers.get(text);
    commandOf[index] = known ?? numbers.size;
    if (known === undefined) numbers.set(text, numbers.size);
  }
  return { commands: textColumn(numbers.keys(), numbers.size), commandOf };
}

type ArrayColumns = Pick<
  PlanColumns,
  "arrays" | "firstAxes" | "axes" | "axisCounts" | "rangeStarts" | "rangeSteps" | "firstValues" | "values"
>;

function arrayColumns(definitions: readonly Definition[]): ArrayColumns {
  const arrays: number[] = [];
  const firstAxes = [0];
  const axes: ForeachAxis[] = [];
  for (const [index, { foreach }] of definitions.entries()) {
    if (foreach === null) continue;
    arrays.push(index);
    axes.push(...foreach.axes);
    firstAxes.push(axes.length);
  }
  let valueCount = 0;
  const firstValues = axes.map((axis) => {
    if (axis.type === "range") return NO_VALUES;
    const first = valueCount;
    valueCount += axis.count;
    return first;
  });
  return {
    arrays: Uint32Array.from(arrays),
    firstAxes: Uint32Array.from(firstAxes),
    axes: textColumn(
      axes.map(({ axis }) => axis),
      axes.length,
    ),
    axisCounts: Uint32Array.from(axes, ({ count }) => count),
    rangeStarts: Float64Array.from(axes, (axis) => (axis.type === "range" ? axis.start : 0)),
    rangeSteps: Float64Array.from(axes, (axis) => (axis.type === "range" ? axis.step : 0)),
    firstValues: Uint32Array.from(firstValues),
    values: textColumn(valuesOf(axes), valueCount),
  };
}

function* valuesOf(axes: readonly ForeachAxis[]): Generator<string> {
  for (const axis of axes) if (axis.type === "list") yield* axis.values;
}
