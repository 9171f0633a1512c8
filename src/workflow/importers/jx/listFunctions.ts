/** The functions of JX that make or take numbers, lists and objects. */
import { named } from "./operators.ts";
import { LIST_ITEMS_MAX } from "./scope.ts";
import type { JxFunction } from "./signature.ts";
import { integer, type JxValue, text } from "./value.ts";

export function range(args: readonly JxValue[], at: number): JxValue | string {
  const numbers = args.flatMap((value) => (value.type === "integer" ? [value.value] : []));
  if (numbers.length < args.length)
    return "range takes whole numbers: range(STOP), range(START, STOP) or range(START, STOP, STEP).";
  const [first = 0, second = 0, step = 1] = numbers;
  const [start, stop] = numbers.length === 1 ? [0, first] : [first, second];
  if (step === 0) return "range takes a step that is not 0.";
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (count > LIST_ITEMS_MAX) return `This range has ${count} items; ${LIST_ITEMS_MAX} are the most.`;
  return {
    type: "array",
    items: Array.from({ length: count }, (_, index) => integer(start + index * step, at)),
    at,
  };
}

export function join([list, between]: readonly JxValue[], at: number): JxValue | string {
  if (list?.type !== "array")
    return `join takes a list first, as in join(["a", "b"], ","), found ${list === undefined ? "nothing" : named(list)}.`;
  if (between !== undefined && between.type !== "string")
    return `join takes a text second, found ${named(between)}.`;
  const texts = list.items.flatMap((item) => (item.type === "string" ? [item.value] : []));
  const odd = list.items.find(({ type }) => type !== "string");
  if (odd !== undefined)
    return `join takes a list of texts, found ${named(odd)} in it: write "" + x to make a text of x.`;
  return text(texts.join(between?.value ?? " "), at);
}

export function rounded(name: string, round: (value: number) => number): JxFunction {
  return ([value], at) => {
    if (value?.type === "integer") return value;
    // Without a sign, as JX has it, where it is a zero.
    return value?.type === "double"
      ? { type: "double", value: round(value.value) + 0, at }
      : `${name} takes a number.`;
  };
}

export function len([list]: readonly JxValue[], at: number): JxValue | string {
  if (list?.type === "array") return integer(list.items.length, at);
  return `len takes a list, found ${list === undefined ? "nothing" : named(list)}.`;
}

/** In the reverse of their order, as JX gives them. */
export function ofEntries(
  name: string,
  pick: (key: string, value: JxValue, at: number) => JxValue,
): JxFunction {
  return ([object], at) => {
    if (object?.type !== "object") return `${name} takes an object.`;
    return {
      type: "array",
      items: [...object.entries].toReversed().map(([key, value]) => pick(key, value, at)),
      at,
    };
  };
}

const TYPE_NAMES: Readonly<Record<JxValue["type"], string>> = {
  null: "null",
  boolean: "boolean",
  integer: "integer",
  double: "float",
  string: "string",
  array: "array",
  object: "object",
  wrong: "null",
};

export function schema([list]: readonly JxValue[], at: number): JxValue | string {
  const entries = new Map<string, JxValue>();
  if (list?.type !== "array") return "schema takes a list of objects.";
  for (const item of list.items) {
    if (item.type !== "object") return "schema takes a list of objects.";
    for (const [key, value] of item.entries)
      if (!entries.has(key)) entries.set(key, text(TYPE_NAMES[value.type], at));
  }
  return { type: "object", entries: new Map([...entries].toReversed()), at };
}
