/** The functions of JX. All take values but `select` and `project`, which compute an expression for each of some objects. */
import { didYouMean } from "../../nearest.ts";
import { fetched, listed } from "./fileFunctions.ts";
import { join, len, ofEntries, range, rounded, schema } from "./listFunctions.ts";
import { named } from "./operators.ts";
import type { Computing, Scope } from "./scope.ts";
import type { JxFunction } from "./signature.ts";
import type { Expression } from "./syntax.ts";
import { basename, dirname, escape, format, like, ofText, template } from "./textFunctions.ts";
import { type JxObject, type JxValue, shownIn, text, wrong } from "./value.ts";

type Call = Expression & { readonly type: "call" };

interface Entry {
  readonly least: number;
  readonly most: number;
  readonly run: JxFunction;
}

const FUNCTIONS: ReadonlyMap<string, Entry> = new Map<string, Entry>([
  ["range", { least: 1, most: 3, run: range }],
  ["format", { least: 1, most: Number.POSITIVE_INFINITY, run: format }],
  ["join", { least: 1, most: 2, run: join }],
  ["ceil", { least: 1, most: 1, run: rounded("ceil", Math.ceil) }],
  ["floor", { least: 1, most: 1, run: rounded("floor", Math.floor) }],
  ["basename", { least: 1, most: 2, run: basename }],
  ["dirname", { least: 1, most: 1, run: ofText("dirname", dirname) }],
  ["escape", { least: 1, most: 1, run: ofText("escape", escape) }],
  ["template", { least: 1, most: 2, run: template }],
  ["len", { least: 1, most: 1, run: len }],
  ["keys", { least: 1, most: 1, run: ofEntries("keys", (key, _, at) => text(key, at)) }],
  ["values", { least: 1, most: 1, run: ofEntries("values", (_, value) => value) }],
  [
    "items",
    {
      least: 1,
      most: 1,
      run: ofEntries("items", (key, value, at) => ({ type: "array", items: [text(key, at), value], at })),
    },
  ],
  ["schema", { least: 1, most: 1, run: schema }],
  ["like", { least: 2, most: 2, run: like }],
  ["listdir", { least: 1, most: 1, run: ofFile(listed) }],
  ["fetch", { least: 1, most: 1, run: ofFile(fetched) }],
  [
    "error",
    {
      least: 1,
      most: 1,
      run: ([value], at) => (value === undefined ? wrong(at) : (shownIn(value) ?? named(value))),
    },
  ],
]);
const OBJECT_FUNCTIONS = new Set(["select", "project"]);

export function callFunction(computing: Computing, call: Call, scope: Scope | null): JxValue {
  const { name, at } = call;
  if (OBJECT_FUNCTIONS.has(name)) return ofObjects(computing, call, scope);
  const entry = FUNCTIONS.get(name);
  if (entry === undefined) {
    const hint = didYouMean(name, [...FUNCTIONS.keys(), ...OBJECT_FUNCTIONS]);
    return computing.wrong(
      at,
      `There is no function ${name}.${hint === "" ? " A + or a comma may be missing before the (." : hint}`,
    );
  }
  const args = computing.items(call.args, scope);
  if (args.some(({ type }) => type === "wrong")) return wrong(at);
  if (args.length < entry.least || args.length > entry.most) {
    const count = entry.least === entry.most ? `${entry.least}` : `${entry.least} to ${entry.most}`;
    return computing.wrong(at, `${name} takes ${count} values, found ${args.length}.`);
  }
  const result = entry.run(args, at, computing, scope);
  return typeof result === "string" ? computing.wrong(at, result) : result;
}

function ofFile(read: (file: string, at: number, computing: Computing) => JxValue | string): JxFunction {
  return ([file], at, computing) =>
    file?.type === "string"
      ? read(file.value, at, computing)
      : "This function takes the path of a file or folder, as a text.";
}

/** `select(CONDITION, OBJECTS)` and `project(EXPRESSION, OBJECTS)`: the keys of each object are names in what is computed for it. */
function ofObjects(computing: Computing, { name, args, at }: Call, scope: Scope | null): JxValue {
  const [first, second] = args;
  if (
    first === undefined ||
    second === undefined ||
    args.length > 2 ||
    first.loops.length + second.loops.length > 0
  )
    return computing.wrong(at, `${name} takes an expression and a list of objects.`);
  const list = computing.evaluate(second.body, scope);
  if (list.type === "wrong") return list;
  const objects = list.type === "array" ? list.items : null;
  if (objects === null || !objects.every((item): item is JxObject => item.type === "object"))
    return computing.wrong(
      at,
      `${name} takes a list of objects, found ${objects === null ? named(list) : "something else in it"}.`,
    );
  const items: JxValue[] = [];
  for (const object of objects) {
    const value = computing.evaluate(first.body, { values: object.entries, outer: scope });
    if (value.type === "wrong") return value;
    if (name === "project") items.push(value);
    else if (value.type !== "boolean")
      return computing.wrong(at, `The condition of select is true or false, found ${named(value)}.`);
    else if (value.value) items.push(object);
  }
  return { type: "array", items, at };
}
