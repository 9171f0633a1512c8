/** Opens an encoded plan: checks that it holds together, and lays views over its bytes; the layout is in planFormat.ts. */
import * as v from "valibot";
import { QrewError } from "../../protocol/errors.ts";
import { ColumnPlan, damaged, NO_VALUES, type PlanColumns } from "./columnPlan.ts";
import { checkGraph, largest } from "./checkGraph.ts";
import type { PlanTables } from "./plan.ts";
import {
  aligned,
  entryOffset,
  PLAN_HEADER_BYTES,
  PLAN_MAGIC,
  PLAN_VERSION,
  type PlanMeta,
  planMetaSchema,
  type Section,
  SECTIONS,
} from "./planFormat.ts";
import { type TextColumn, textCount } from "./textColumn.ts";
import { quickCheck } from "../../protocol/quickCheck.ts";

/**
 * The plan in `bytes`, of which it keeps views: they must not change after. Bytes that do not begin at a multiple of
 * eight in their buffer are copied. Throws `storeDamaged` for anything that does not hold together, so that no index of
 * the plan leads out of its columns. What texts say is looked at when they are asked for.
 */
export function decodePlan(bytes: Uint8Array): ColumnPlan {
  const sections = new Sections(bytes.byteOffset % 8 === 0 ? bytes : bytes.slice());
  const meta = readMeta(sections.bytes("meta"));
  const columns: PlanColumns = {
    name: meta.name,
    env: Object.fromEntries(meta.env),
    defaultParams: {
      env: Object.fromEntries(meta.defaultEnv),
      stdin: meta.defaultStdin,
      workdir: meta.defaultWorkdir,
      stdout: meta.defaultStdout,
      stderr: meta.defaultStderr,
      outputs: meta.defaultOutputs,
    },
    graph: readGraph(sections, meta),
    names: sections.texts("nameOffsets", "nameBytes"),
    commands: sections.texts("commandOffsets", "commandBytes"),
    commandOf: sections.numbers("commandOf"),
    params: sections.texts("paramOffsets", "paramBytes"),
    paramsOf: sections.numbers("paramsOf"),
    arrays: sections.numbers("arrays"),
    firstAxes: sections.numbers("firstAxes"),
    axes: sections.texts("axisOffsets", "axisBytes"),
    axisCounts: sections.numbers("axisCounts"),
    rangeStarts: sections.floats("rangeStarts"),
    rangeSteps: sections.floats("rangeSteps"),
    firstValues: sections.numbers("firstValues"),
    values: sections.texts("valueOffsets", "valueBytes"),
  };
  checkColumns(columns);
  return new ColumnPlan(columns);
}

function check(holds: boolean, what: string): void {
  if (!holds) throw damaged(what);
}

/** What a plan of one task has most of: an array costs more than what is in it. */
const NO_BYTES = new Uint8Array(0);
const NO_NUMBERS = new Uint32Array(0);
const NO_FLOATS = new Float64Array(0);

const NUMBERS: ReadonlyMap<Section, number> = new Map(SECTIONS.map((section, number) => [section, number]));

class Sections {
  readonly #bytes: Uint8Array;
  readonly #header: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < PLAN_HEADER_BYTES) throw damaged(`${bytes.length} bytes are too few`);
    check(this.#header.getUint32(0, true) === PLAN_MAGIC, "it does not begin as a plan");
    const version = this.#header.getUint32(4, true);
    if (version !== PLAN_VERSION) {
      throw new QrewError(
        "storeDamaged",
        `The plan of the job has format ${version}, this qrew reads ${PLAN_VERSION}: use the qrew that made it.`,
      );
    }
    check(this.#header.getUint32(8, true) === SECTIONS.length, "it has another number of sections");
    let end = PLAN_HEADER_BYTES;
    for (const section of SECTIONS) {
      const { offset, length } = this.#entry(section);
      const isSound = offset === aligned(end) && length >= 0 && Number.isSafeInteger(length);
      // Not `check`: a text for each section of each plan would be made for nothing.
      if (!isSound) throw damaged(`the place of ${section} is wrong`);
      end = offset + length;
    }
    if (end !== bytes.length) throw damaged(`it should have ${end} bytes and has ${bytes.length}`);
  }

  bytes(section: Section): Uint8Array {
    const { offset, length } = this.#entry(section);
    if (length === 0) return NO_BYTES;
    return this.#bytes.subarray(offset, offset + length);
  }

  numbers(section: Section): Uint32Array {
    const { offset, length } = this.#entry(section);
    if (length === 0) return NO_NUMBERS;
    if (length % 4 !== 0) throw damaged(`the length of ${section} is wrong`);
    return new Uint32Array(this.#bytes.buffer, this.#bytes.byteOffset + offset, length / 4);
  }

  floats(section: Section): Float64Array {
    const { offset, length } = this.#entry(section);
    if (length === 0) return NO_FLOATS;
    if (length % 8 !== 0) throw damaged(`the length of ${section} is wrong`);
    return new Float64Array(this.#bytes.buffer, this.#bytes.byteOffset + offset, length / 8);
  }

  texts(offsetSection: Section, byteSection: Section): TextColumn {
    const offsets = this.numbers(offsetSection);
    const bytes = this.bytes(byteSection);
    if (offsets[0] !== 0) throw damaged(`${offsetSection} does not begin with 0`);
    for (let index = 1; index < offsets.length; index += 1) {
      if ((offsets[index - 1] ?? 0) > (offsets[index] ?? 0))
        throw damaged(`${offsetSection} is not in order`);
    }
    if (offsets[offsets.length - 1] !== bytes.length) throw damaged(`${byteSection} has another length`);
    return { offsets, bytes };
  }

  #entry(section: Section): { readonly offset: number; readonly length: number } {
    const place = entryOffset(NUMBERS.get(section) ?? 0);
    return { offset: this.#header.getFloat64(place, true), length: this.#header.getFloat64(place + 8, true) };
  }
}

/** Longer descriptions are of large plans, and not kept. */
const SHORT_META_BYTES = 4096;

/** The description of the plan before: jobs that come in thousands are alike. */
let before: { readonly bytes: Buffer; readonly meta: PlanMeta } | null = null;

function readMeta(bytes: Uint8Array): PlanMeta {
  if (before?.bytes.equals(bytes)) return before.meta;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString());
  } catch {
    throw damaged("its description is no JSON");
  }
  const meta = checkedMeta(value);
  before = bytes.length > SHORT_META_BYTES ? null : { bytes: Buffer.from(bytes), meta };
  return meta;
}

function checkedMeta(value: unknown): PlanMeta {
  if (quickCheck(planMetaSchema)(value)) return value;
  const parsed = v.safeParse(planMetaSchema, value);
  if (!parsed.success) throw damaged("its description has another form");
  return parsed.output;
}

function readGraph(sections: Sections, meta: PlanMeta): PlanTables {
  const firstTask = sections.numbers("firstTask");
  check(firstTask.length > 1, "it has no tasks");
  const definitionCount = firstTask.length - 1;
  const graph = {
    definitionCount,
    taskCount: firstTask[definitionCount] ?? 0,
    firstTask,
    needs: sections.numbers("needs"),
    dependentOffsets: sections.numbers("dependentOffsets"),
    dependents: sections.numbers("dependents"),
    dependentKinds: sections.bytes("dependentKinds"),
    definitionClass: sections.numbers("definitionClass"),
    elementClasses: readElementClasses(sections, firstTask),
    classes: meta.classes,
    when: sections.bytes("when"),
    maxRunning: meta.maxRunning,
    failFast: meta.failFast,
  };
  checkGraph(graph);
  return graph;
}

function readElementClasses(sections: Sections, firstTask: Uint32Array): ReadonlyMap<number, Uint32Array> {
  const numbers = sections.numbers("elementNumbers");
  const elementClasses = new Map<number, Uint32Array>();
  let start = 0;
  for (const definition of sections.numbers("elementDefinitions")) {
    check(definition < firstTask.length - 1, "elementDefinitions leads out of the plan");
    check(!elementClasses.has(definition), "elementDefinitions has a definition twice");
    const end = start + (firstTask[definition + 1] ?? 0) - (firstTask[definition] ?? 0);
    check(start < end && end <= numbers.length, "elementNumbers has another length");
    elementClasses.set(definition, numbers.subarray(start, end));
    start = end;
  }
  check(start === numbers.length, "elementNumbers has another length");
  return elementClasses;
}

function checkColumns(columns: PlanColumns): void {
  const { definitionCount, firstTask } = columns.graph;
  check(textCount(columns.names) === definitionCount, "nameOffsets has another length");
  checkNumbers(columns.commandOf, definitionCount, textCount(columns.commands), "commandOf");
  checkNumbers(columns.paramsOf, definitionCount, textCount(columns.params), "paramsOf");
  checkNumbers(columns.arrays, columns.arrays.length, definitionCount, "arrays");
  checkAxes(columns);
  for (const [array, definition] of columns.arrays.entries()) {
    check(array === 0 || definition > (columns.arrays[array - 1] ?? 0), "arrays is not in order");
    const count = (firstTask[definition + 1] ?? 0) - (firstTask[definition] ?? 0);
    check(productOfAxes(columns, array) === count, "axisCounts and firstTask disagree");
  }
}

function checkAxes({
  arrays,
  axes,
  axisCounts,
  firstAxes,
  firstValues,
  rangeStarts,
  rangeSteps,
  values,
}: PlanColumns): void {
  const axisCount = textCount(axes);
  check(firstAxes.length === arrays.length + 1 && firstAxes[0] === 0, "firstAxes has another length");
  check(firstAxes[arrays.length] === axisCount, "firstAxes leads out of the plan");
  check(axisCounts.length === axisCount, "axisCounts has another length");
  check(firstValues.length === axisCount, "firstValues has another length");
  check(rangeStarts.length === axisCount && rangeSteps.length === axisCount, "ranges have another length");
  const valueCount = textCount(values);
  for (let axis = 0; axis < axisCount; axis += 1) {
    const first = firstValues[axis] ?? NO_VALUES;
    const count = axisCounts[axis] ?? 0;
    check(first === NO_VALUES || first + count <= valueCount, "firstValues leads out of the plan");
    check(
      Number.isSafeInteger(rangeStarts[axis]) && Number.isSafeInteger(rangeSteps[axis]),
      "a range is no range",
    );
  }
}

/** The elements of an array, by its axes; one that has none has one element, which no array is. */
function productOfAxes({ axisCounts, firstAxes }: PlanColumns, array: number): number {
  const [start, end] = [firstAxes[array] ?? 0, firstAxes[array + 1] ?? 0];
  check(start < end, "firstAxes is not in order");
  return axisCounts.subarray(start, end).reduce((product, count) => product * count, 1);
}

function checkNumbers(numbers: Uint32Array, length: number, below: number, what: string): void {
  if (numbers.length !== length) throw damaged(`${what} has another length`);
  if (largest(numbers) >= below && length > 0) throw damaged(`${what} leads out of the plan`);
}
