/** Writes a plan as bytes; the layout is in planFormat.ts. */
import type { ColumnPlan, PlanColumns } from "./columnPlan.ts";
import type { PlanTables } from "./plan.ts";
import {
  aligned,
  entryOffset,
  PLAN_HEADER_BYTES,
  PLAN_MAGIC,
  PLAN_VERSION,
  type PlanMeta,
  SECTIONS,
} from "./planFormat.ts";

/** Plans of one task come in thousands: they are written here first, which saves them arrays of their own to be written through. */
const SCRATCH_BYTES = 16 * 1024;
const scratch = room(SCRATCH_BYTES);

interface Room {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly doubles: Float64Array;
  readonly header: DataView;
}

function room(byteLength: number): Room {
  const buffer = new ArrayBuffer(aligned(byteLength));
  return {
    bytes: new Uint8Array(buffer),
    words: new Uint32Array(buffer),
    doubles: new Float64Array(buffer),
    header: new DataView(buffer),
  };
}

/** One allocation of the plan's size; the plan is not kept by it. */
export function encodePlan(plan: ColumnPlan): Uint8Array {
  const columns = columnsOf(plan);
  let total = PLAN_HEADER_BYTES;
  for (const { byteLength } of columns) total = aligned(total) + byteLength;
  if (total > SCRATCH_BYTES) return write(columns, room(total)).subarray(0, total);
  scratch.bytes.fill(0, 0, total);
  return write(columns, scratch).slice(0, total);
}

/** Into bytes that are zero. */
function write(columns: readonly Column[], { bytes, words, doubles, header }: Room): Uint8Array {
  header.setUint32(0, PLAN_MAGIC, true);
  header.setUint32(4, PLAN_VERSION, true);
  header.setUint32(8, SECTIONS.length, true);
  let offset = PLAN_HEADER_BYTES;
  let number = 0;
  for (const column of columns) {
    const { byteLength } = column;
    offset = aligned(offset);
    header.setFloat64(entryOffset(number), offset, true);
    header.setFloat64(entryOffset(number) + 8, byteLength, true);
    number += 1;
    if (byteLength === 0) continue;
    // Not by the column's `buffer`: V8 keeps a short one in the object, and would have to make it one.
    if (column instanceof Uint32Array) copy(column, words, offset / 4);
    else if (column instanceof Float64Array) copy(column, doubles, offset / 8);
    else copy(column, bytes, offset);
    offset += byteLength;
  }
  return bytes;
}

/** Where so few are copied a call would take longer. */
const FEW = 16;

function copy<Numbers extends Column>(from: Numbers, to: Numbers, at: number): void {
  if (from.length > FEW) return to.set(from, at);
  for (let index = 0; index < from.length; index += 1) to[at + index] = from[index] ?? 0;
}

type Column = Uint8Array | Uint32Array | Float64Array;

/** One for each section, in their order. */
type ColumnsOf<Sections extends readonly unknown[]> = { readonly [Index in keyof Sections]: Column };

function columnsOf({ columns }: ColumnPlan): ColumnsOf<typeof SECTIONS> {
  const { graph } = columns;
  const { elementDefinitions, elementNumbers } = elementColumns(graph);
  return [
    Buffer.from(JSON.stringify(metaOf(columns))),
    graph.firstTask,
    graph.needs,
    graph.dependentOffsets,
    graph.dependents,
    graph.dependentKinds,
    graph.definitionClass,
    graph.when,
    elementDefinitions,
    elementNumbers,
    columns.names.offsets,
    columns.names.bytes,
    columns.commands.offsets,
    columns.commands.bytes,
    columns.commandOf,
    columns.params.offsets,
    columns.params.bytes,
    columns.paramsOf,
    columns.arrays,
    columns.firstAxes,
    columns.axes.offsets,
    columns.axes.bytes,
    columns.axisCounts,
    columns.rangeStarts,
    columns.rangeSteps,
    columns.firstValues,
    columns.values.offsets,
    columns.values.bytes,
  ];
}

function metaOf({ name, env, defaultParams, graph }: PlanColumns): PlanMeta {
  return {
    name,
    env: Object.entries(env),
    defaultEnv: Object.entries(defaultParams.env),
    defaultStdin: defaultParams.stdin,
    defaultWorkdir: defaultParams.workdir,
    defaultStdout: defaultParams.stdout,
    defaultStderr: defaultParams.stderr,
    defaultOutputs: defaultParams.outputs === null ? null : [...defaultParams.outputs],
    classes: [...graph.classes],
    maxRunning: graph.maxRunning,
    failFast: graph.failFast,
  };
}

interface ElementColumns {
  readonly elementDefinitions: Uint32Array;
  readonly elementNumbers: Uint32Array;
}

/** Of most plans. */
const NO_ELEMENTS: ElementColumns = {
  elementDefinitions: new Uint32Array(0),
  elementNumbers: new Uint32Array(0),
};

function elementColumns({ elementClasses }: PlanTables): ElementColumns {
  if (elementClasses.size === 0) return NO_ELEMENTS;
  const sorted = [...elementClasses].toSorted(([a], [b]) => a - b);
  return {
    elementDefinitions: Uint32Array.from(sorted, ([definition]) => definition),
    elementNumbers: concatenated(sorted.map(([, numbers]) => numbers)),
  };
}

function concatenated(parts: readonly Uint32Array[]): Uint32Array {
  const whole = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
