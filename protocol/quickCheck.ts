/**
 * Whether a schema accepts a value, and would return it unchanged: the usual case, in a tenth of the time that valibot takes, which makes
 * a copy on the way. What is not recognised here may be sound all the same (a field that has a default, say), or not; valibot then says
 * what it is, or what is wrong. Covers the parts of valibot that the wire and the stores are described with, and says no to all others.
 */
import type * as v from "valibot";
import { jobSeq, seatNumber, taskIndex } from "./ids.ts";

type Check = (value: unknown) => boolean;

/** What of a schema is looked at; the rest of valibot's types says no more. */
export interface Part {
  readonly kind: string;
  readonly type: string;
  readonly pipe?: readonly Part[];
  readonly entries?: Readonly<Record<string, Part>>;
  readonly item?: Part;
  readonly items?: readonly Part[];
  readonly wrapped?: Part;
  readonly key?: Part;
  readonly value?: Part;
  readonly options?: readonly unknown[];
  readonly literal?: unknown;
  readonly class?: new (...args: never[]) => unknown;
  readonly getter?: (input: unknown) => Part;
  readonly requirement?: unknown;
  readonly operation?: unknown;
}

const checks = new WeakMap<object, Check>();

/** The check of a schema, which is made when it is first asked for. */
export function quickCheck<Output>(
  schema: v.GenericSchema<unknown, Output>,
): (value: unknown) => value is Output {
  const check = checkOf(schema);
  // What it accepts is the schema's output: it would be returned unchanged.
  return (value): value is Output => check(value);
}

function checkOf(part: Part): Check {
  const known = checks.get(part);
  if (known !== undefined) return known;
  const check = make(part);
  checks.set(part, check);
  return check;
}

const never: Check = () => false;

function make(part: Part): Check {
  const { pipe, wrapped, item } = part;
  if (pipe !== undefined) return numberCheck(pipe) ?? all(pipe.map(checkOf));
  switch (part.type) {
    case "string":
      return (value) => typeof value === "string";
    case "number":
      return (value) => typeof value === "number" && !Number.isNaN(value);
    case "boolean":
      return (value) => typeof value === "boolean";
    case "literal":
      return (value) => value === part.literal;
    case "picklist":
      return isIn(part.options);
    case "instance":
      return isInstance(part.class);
    case "nullable":
      return wrapped === undefined ? never : orNull(checkOf(wrapped));
    case "optional":
      // What is missing may have a default.
      return wrapped === undefined ? never : checkOf(wrapped);
    case "array":
      return item === undefined ? never : isArrayOf(checkOf(item));
    case "tuple":
      return isTuple(part.items ?? []);
    case "record":
      return isRecordOf(part);
    case "strict_object":
      return isStrictObject(part.entries ?? {});
    case "union":
    case "variant":
      return any((part.options ?? []).filter(isPart).map(checkOf));
    case "lazy":
      return isChosen(part.getter);
    default:
      return isStep(part);
  }
}

export const isPart = (option: unknown): option is Part => typeof option === "object" && option !== null;

function isIn(options: readonly unknown[] = []): Check {
  const known = new Set(options);
  return (value) => known.has(value);
}

const isInstance = (of: Part["class"]): Check => (of === undefined ? never : (value) => value instanceof of);

const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);

const isArrayOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every((item) => check(item));

/** One that is longer would be cut. */
function isTuple(items: readonly Part[]): Check {
  const checks = items.map(checkOf);
  return (value) =>
    Array.isArray(value) &&
    value.length === checks.length &&
    checks.every((check, index) => check(value[index]));
}

/** Names that objects have of themselves are left to valibot. */
function isRecordOf({ key, value: held }: Part): Check {
  if (key === undefined || held === undefined) return never;
  const [isKey, isValue] = [checkOf(key), checkOf(held)];
  return (value) => {
    if (!isObject(value) || Object.getPrototypeOf(value) !== Object.prototype) return false;
    for (const name in value) {
      if (name in Object.prototype || name === "prototype") return false;
      if (!isKey(name) || !isValue(value[name])) return false;
    }
    return true;
  };
}

/** With as many fields as are looked at, each of which has to be there, none is unknown. */
function isStrictObject(entries: Readonly<Record<string, Part>>): Check {
  const names = Object.keys(entries);
  const fields = Object.values(entries).map(checkOf);
  return (value) => {
    if (!isObject(value)) return false;
    for (let index = 0; index < names.length; index++) {
      const [name, check] = [names[index], fields[index]];
      if (name === undefined || check === undefined || !check(value[name])) return false;
    }
    let found = 0;
    for (const _ in value) found++;
    return found === names.length;
  };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

const isChosen =
  (getter: Part["getter"]): Check =>
  (value) =>
    getter !== undefined && checkOf(getter(value))(value);

/** A step of a pipe after the schema with which it begins: one that checks, or one that is there for the compiler. */
function isStep({ type, requirement, operation }: Part): Check {
  if (type === "readonly" || (type === "transform" && IDENTITIES.has(operation))) return () => true;
  if (isTest(requirement)) return (value) => requirement(value);
  if (typeof requirement !== "number") return never;
  switch (type) {
    case "min_value":
      return (value) => Number(value) >= requirement;
    case "max_value":
      return (value) => Number(value) <= requirement;
    case "min_length":
      return (value) => lengthOf(value) >= requirement;
    case "max_length":
      return (value) => lengthOf(value) <= requirement;
    case "min_bytes":
      return (value) => lengthOf(value) >= requirement;
    case "max_bytes":
      return (value) => lengthOf(value) * UTF8_BYTES_MAX <= requirement;
    default:
      return never;
  }
}

/** They give a number its name. */
const IDENTITIES: ReadonlySet<unknown> = new Set([jobSeq, taskIndex, seatNumber]);

/** Of one UTF-16 unit. */
const UTF8_BYTES_MAX = 3;

const isTest = (requirement: unknown): requirement is Check => typeof requirement === "function";

const lengthOf = (value: unknown): number =>
  typeof value === "string" || Array.isArray(value) ? value.length : Number.NaN;

/** A number that only has to lie between two others, and may have to be whole, is looked at once; null for any other pipe. */
function numberCheck(pipe: readonly Part[]): Check | null {
  const [first, ...steps] = pipe;
  if (first?.type !== "number" || first.pipe !== undefined) return null;
  let [least, most, isWhole] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, false];
  for (const { type, requirement, operation } of steps) {
    const limit = typeof requirement === "number" ? requirement : Number.NaN;
    if (type === "min_value") least = Math.max(least, limit);
    else if (type === "max_value") most = Math.min(most, limit);
    else if (type === "finite") [least, most] = narrowed(least, most, Number.MAX_VALUE);
    else if (type === "safe_integer") [least, most] = narrowed(least, most, Number.MAX_SAFE_INTEGER);
    else if (type !== "integer" && !(type === "transform" && IDENTITIES.has(operation))) return null;
    isWhole ||= type === "integer" || type === "safe_integer";
  }
  if (!isWhole) return (value) => typeof value === "number" && value >= least && value <= most;
  return (value) => typeof value === "number" && value >= least && value <= most && Number.isInteger(value);
}

const narrowed = (least: number, most: number, by: number): [number, number] => [
  Math.max(least, -by),
  Math.min(most, by),
];

function all(of: readonly Check[]): Check {
  const [first = never, second, third, ...others] = of;
  if (second === undefined) return first;
  if (third === undefined) return (value) => first(value) && second(value);
  if (others.length === 0) return (value) => first(value) && second(value) && third(value);
  return (value) => of.every((check) => check(value));
}

const any =
  (of: readonly Check[]): Check =>
  (value) =>
    of.some((check) => check(value));
