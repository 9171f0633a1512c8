/** Turns a document without faults, and its links, into the columns of a plan. */
import { ColumnPlan, NO_VALUES, type PlanColumns } from "./columnPlan.ts";
import type { WorkflowDocument } from "./document.ts";
import type { Foreach, ForeachAxis } from "./foreach.ts";
import type { Links } from "./linkTasks.ts";
import { textColumn } from "./textColumn.ts";

/** Keeps views of the document's columns. */
export function planDocument(document: WorkflowDocument, { needs, dependents }: Links): ColumnPlan {
  const { definitions } = document;
  const columns = definitions.columns();
  return new ColumnPlan({
    name: document.name,
    env: document.env,
    defaultParams: document.defaultParams,
    graph: {
      definitionCount: definitions.length,
      taskCount: definitions.taskCount,
      firstTask: columns.firstTask,
      needs,
      dependentOffsets: dependents.offsets,
      dependents: dependents.targets,
      dependentKinds: dependents.kinds,
      definitionClass: columns.classes,
      elementClasses: document.elementClasses,
      classes: document.classes,
      when: columns.when,
      maxRunning: document.maxRunning,
      failFast: document.failFast,
    },
    names: columns.names,
    commands: columns.commands,
    commandOf: columns.commandOf,
    params: document.params,
    paramsOf: columns.params,
    ...arrayColumns(columns.foreachs),
  });
}

type ArrayColumns = Pick<
  PlanColumns,
  "arrays" | "firstAxes" | "axes" | "axisCounts" | "rangeStarts" | "rangeSteps" | "firstValues" | "values"
>;

function arrayColumns(foreachs: ReadonlyMap<number, Foreach>): ArrayColumns {
  if (foreachs.size === 0) return NO_ARRAYS;
  const arrays: number[] = [];
  const firstAxes = [0];
  const axes: ForeachAxis[] = [];
  for (const [definition, foreach] of foreachs) {
    arrays.push(definition);
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

/** Of most documents. */
const NO_ARRAYS: ArrayColumns = {
  arrays: new Uint32Array(0),
  firstAxes: new Uint32Array(1),
  axes: textColumn([], 0),
  axisCounts: new Uint32Array(0),
  rangeStarts: new Float64Array(0),
  rangeSteps: new Float64Array(0),
  firstValues: new Uint32Array(0),
  values: textColumn([], 0),
};

function* valuesOf(axes: readonly ForeachAxis[]): Generator<string> {
  for (const axis of axes) if (axis.type === "list") yield* axis.values;
}
