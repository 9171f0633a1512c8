/** Writes a plan as bytes; the layout is in planFormat.ts. */
import type { ColumnPlan } from "./columnPlan.ts";
import {
  aligned,
  entryOffset,
  PLAN_HEADER_BYTES,
  PLAN_MAGIC,
  PLAN_VERSION,
  type PlanMeta,
  type Section,
  SECTIONS,
} from "./planFormat.ts";

/** One allocation of the plan's size; the plan is not kept by it. */
export function encodePlan(plan: ColumnPlan): Uint8Array {
  const sections = sectionsOf(plan);
  let total = PLAN_HEADER_BYTES;
  for (const section of SECTIONS) total = aligned(total) + sections[section].byteLength;
  const room = new ArrayBuffer(aligned(total));
  const bytes = new Uint8Array(room, 0, total);
  const words = new Uint32Array(room);
  const doubles = new Float64Array(room);
  const header = new DataView(room);
  header.setUint32(0, PLAN_MAGIC, true);
  header.setUint32(4, PLAN_VERSION, true);
  header.setUint32(8, SECTIONS.length, true);
  let offset = PLAN_HEADER_BYTES;
  for (const [number, section] of SECTIONS.entries()) {
    const column = sections[section];
    const { byteLength } = column;
    offset = aligned(offset);
    header.setFloat64(entryOffset(number), offset, true);
    header.setFloat64(entryOffset(number) + 8, byteLength, true);
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

function sectionsOf({ columns }: ColumnPlan): Readonly<Record<Section, Column>> {
  const { graph } = columns;
  const elementClasses = [...graph.elementClasses].toSorted(([a], [b]) => a - b);
  const meta: PlanMeta = {
    name: columns.name,
    env: Object.entries(columns.env),
    defaultEnv: Object.entries(columns.defaultParams.env),
    defaultStdin: columns.defaultParams.stdin,
    defaultWorkdir: columns.defaultParams.workdir,
    defaultStdout: columns.defaultParams.stdout,
    defaultStderr: columns.defaultParams.stderr,
    defaultOutputs: columns.defaultParams.outputs === null ? null : [...columns.defaultParams.outputs],
    classes: [...graph.classes],
    maxRunning: graph.maxRunning,
    failFast: graph.failFast,
  };
  return {
    meta: Buffer.from(JSON.stringify(meta)),
    firstTask: graph.firstTask,
    needs: graph.needs,
    dependentOffsets: graph.dependentOffsets,
    dependents: graph.dependents,
    dependentKinds: graph.dependentKinds,
    definitionClass: graph.definitionClass,
    when: graph.when,
    elementDefinitions: Uint32Array.from(elementClasses, ([definition]) => definition),
    elementNumbers: concatenated(elementClasses.map(([, numbers]) => numbers)),
    nameOffsets: columns.names.offsets,
    nameBytes: columns.names.bytes,
    commandOffsets: columns.commands.offsets,
    commandBytes: columns.commands.bytes,
    commandOf: columns.commandOf,
    paramOffsets: columns.params.offsets,
    paramBytes: columns.params.bytes,
    paramsOf: columns.paramsOf,
    arrays: columns.arrays,
    firstAxes: columns.firstAxes,
    axisOffsets: columns.axes.offsets,
    axisBytes: columns.axes.bytes,
    axisCounts: columns.axisCounts,
    rangeStarts: columns.rangeStarts,
    rangeSteps: columns.rangeSteps,
    firstValues: columns.firstValues,
    valueOffsets: columns.values.offsets,
    valueBytes: columns.values.bytes,
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
