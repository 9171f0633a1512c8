/** Turns a document without faults, and its links, into the columns of a plan. */
import { ColumnPlan, NO_VALUES, type PlanColumns } from "./columnPlan.ts";
import { type Definition, elementCount, type WorkflowDocument } from "./document.ts";
import type { Foreach } from "./foreach.ts";
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
  "arrays" | "axes" | "rangeStarts" | "rangeSteps" | "firstValues" | "values"
>;

function arrayColumns(definitions: readonly Definition[]): ArrayColumns {
  const arrays: number[] = [];
  const foreachs: Foreach[] = [];
  for (const [index, { foreach }] of definitions.entries()) {
    if (foreach === null) continue;
    arrays.push(index);
    foreachs.push(foreach);
  }
  let valueCount = 0;
  const firstValues = foreachs.map((foreach) => {
    if (foreach.type === "range") return NO_VALUES;
    const first = valueCount;
    valueCount += foreach.count;
    return first;
  });
  return {
    arrays: Uint32Array.from(arrays),
    axes: textColumn(axesOf(foreachs), foreachs.length),
    rangeStarts: Float64Array.from(foreachs, (foreach) => (foreach.type === "range" ? foreach.start : 0)),
    rangeSteps: Float64Array.from(foreachs, (foreach) => (foreach.type === "range" ? foreach.step : 0)),
    firstValues: Uint32Array.from(firstValues),
    values: textColumn(valuesOf(foreachs), valueCount),
  };
}

function* axesOf(foreachs: readonly Foreach[]): Generator<string> {
  for (const { axis } of foreachs) yield axis;
}

function* valuesOf(foreachs: readonly Foreach[]): Generator<string> {
  for (const foreach of foreachs) if (foreach.type === "list") yield* foreach.values;
}
