/**
 * A plan as bytes, so that it is opened without decoding: typed arrays are views on it.
 *
 * `QPLN`, u32 version, u32 number of sections, u32 zero, then for each section f64 offset and f64 length in bytes, then
 * the sections, each aligned to eight bytes. Everything is little-endian. The sections, in this order, are the columns of
 * PlanColumns and its graph; `meta` is JSON (PlanMeta), `elementDefinitions` are the definitions whose elements differ in
 * class, ascending, and `elementNumbers` the classes of all their elements, one after the other.
 */
import * as v from "valibot";
import { resourcesSchema } from "../../protocol/resources.ts";

export const PLAN_MAGIC = 0x4e4c5051; // "QPLN" as a little-endian number
export const PLAN_VERSION = 2;

export const SECTIONS = [
  "meta",
  "firstTask",
  "needs",
  "dependentOffsets",
  "dependents",
  "dependentKinds",
  "definitionClass",
  "when",
  "elementDefinitions",
  "elementNumbers",
  "nameOffsets",
  "nameBytes",
  "commandOffsets",
  "commandBytes",
  "commandOf",
  "paramOffsets",
  "paramBytes",
  "paramsOf",
  "arrays",
  "firstAxes",
  "axisOffsets",
  "axisBytes",
  "axisCounts",
  "rangeStarts",
  "rangeSteps",
  "firstValues",
  "valueOffsets",
  "valueBytes",
] as const;
export type Section = (typeof SECTIONS)[number];

const HEADER_FIXED_BYTES = 16;
const ENTRY_BYTES = 16;
export const PLAN_HEADER_BYTES = HEADER_FIXED_BYTES + SECTIONS.length * ENTRY_BYTES;
export const entryOffset = (section: number): number => HEADER_FIXED_BYTES + section * ENTRY_BYTES;
export const aligned = (offset: number): number => Math.ceil(offset / 8) * 8;

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** As pairs: a schema of records would drop variables with the names of object properties. */
const variablesSchema = v.array(v.tuple([v.string(), v.string()]));

const taskClassSchema = v.strictObject({
  executor: v.picklist(["shell", "noop"]),
  resources: resourcesSchema,
  priority: v.number(),
  timeoutMs: v.nullable(whole),
  retry: v.strictObject({
    limit: whole,
    on: v.nullable(v.pipe(v.array(v.union([whole, v.string()])), v.readonly())),
    backoffMs: whole,
    factor: v.number(),
    maxMs: whole,
  }),
});

export const planMetaSchema = v.strictObject({
  name: v.nullable(v.string()),
  env: variablesSchema,
  defaultEnv: variablesSchema,
  defaultStdin: v.nullable(v.string()),
  defaultWorkdir: v.nullable(v.string()),
  defaultStdout: v.nullable(v.string()),
  defaultStderr: v.nullable(v.string()),
  defaultOutputs: v.nullable(v.array(v.string())),
  classes: v.pipe(v.array(taskClassSchema), v.minLength(1)),
  maxRunning: v.nullable(v.pipe(whole, v.minValue(1))),
  failFast: v.boolean(),
});
export type PlanMeta = v.InferOutput<typeof planMetaSchema>;
