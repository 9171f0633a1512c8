/**
 * The values of JX expressions. A name stands for the variable of the nearest loop, else for what is defined for the whole text,
 * which is computed where it is used. What is wrong is blamed once, all of it in one go, and gives a value that is `wrong`.
 */
import { didYouMean } from "../../nearest.ts";
import { callFunction } from "./functions.ts";
import { applyBinary, applyUnary, type Applied, named } from "./operators.ts";
import { type Computing, type JxFiles, LIST_ITEMS_MAX, type Scope } from "./scope.ts";
import type { Expression, Item, Loop } from "./syntax.ts";
import { boolean, integer, type JxObject, type JxValue, text, wrong } from "./value.ts";

/** A workflow of a million rules takes some fifty million; beyond it somebody computes without end. */
const STEPS_MAX = 100_000_000;
/** Of one text. */
const TEXT_CHARACTERS_MAX = 16 * 1024 * 1024;
/** Definitions that use each other so deep are a circle that grows. */
const DEFINITIONS_DEEP_MAX = 100;

interface Known {
  readonly value: JxValue;
  /** Names that it was computed from; a loop's variable of such a name makes it another. */
  readonly reads: ReadonlySet<string>;
}

interface Open {
  /** Names of definitions that it has used so far, also through others. */
  readonly reads: Set<string>;
  /** It has used a variable of a loop: elsewhere it is worth something else. */
  isOfLoop: boolean;
}

export class Evaluator implements Computing {
  readonly files: JxFiles | null;
  readonly #defined: ReadonlyMap<string, Definition>;
  readonly #blame: (at: number, message: string) => void;
  readonly #known = new Map<string, Known>();
  /** Definitions under way. */
  readonly #open = new Map<string, Open>();
  /** Where faults were told: what is computed again is as wrong as before. */
  readonly #blamedAt = new Set<number>();
  #steps = 0;

  constructor(
    defined: ReadonlyMap<string, Definition>,
    files: JxFiles | null,
    blame: (at: number, message: string) => void,
  ) {
    this.#defined = defined;
    this.files = files;
    this.#blame = blame;
  }

  wrong(at: number, message: string): JxValue {
    this.#blameOnce(at, message);
    return wrong(at);
  }

  #blameOnce(at: number, message: string): void {
    if (this.#blamedAt.has(at)) return;
    this.#blamedAt.add(at);
    this.#blame(at, message);
  }

  evaluate(expression: Expression, scope: Scope | null): JxValue {
    const { at } = expression;
    this.#steps += 1;
    if (this.#steps > STEPS_MAX) {
      if (this.#steps === STEPS_MAX + 1)
        this.#blame(at, "This takes more than 100 million steps: make its lists shorter.");
      return wrong(at);
    }
    switch (expression.type) {
      case "literal":
        return literal(expression);
      case "symbol":
        return this.lookUp(expression.name, scope) ?? this.#undefined(expression.name, scope, at);
      case "array":
        return { type: "array", items: this.items(expression.items, scope), at };
      case "object":
        return this.#object(expression, scope);
      case "unary": {
        const operand = this.evaluate(expression.operand, scope);
        return operand.type === "wrong"
          ? operand
          : this.#applied(applyUnary(expression.operator, operand, at), at);
      }
      case "binary": {
        const left = this.evaluate(expression.left, scope);
        const right = this.evaluate(expression.right, scope);
        if (left.type === "wrong" || right.type === "wrong") return wrong(at);
        return this.#applied(applyBinary(expression.operator, left, right, at), at);
      }
      case "call":
        return callFunction(this, expression, scope);
      case "lookup":
        return this.#lookup(expression, scope);
      case "slice":
        return this.#slice(expression, scope);
    }
  }

  lookUp(name: string, scope: Scope | null): JxValue | null {
    for (let at = scope; at !== null; at = at.outer) {
      const value = at.values.get(name);
      if (value === undefined) continue;
      for (const open of this.#open.values()) open.isOfLoop = true;
      return value;
    }
    for (const { reads } of this.#open.values()) reads.add(name);
    const known = this.#known.get(name);
    if (known !== undefined && !isShadowed(known.reads, scope)) {
      for (const { reads } of this.#open.values()) for (const read of known.reads) reads.add(read);
      return known.value;
    }
    const defined = this.#defined.get(name);
    if (defined === undefined) return null;
    return "value" in defined ? defined.value : this.#define(name, defined.expression, scope);
  }

  #define(name: string, expression: Expression, scope: Scope | null): JxValue {
    if (this.#open.has(name) || this.#open.size >= DEFINITIONS_DEEP_MAX) {
      const way = [...this.#open.keys(), name].slice(-5).join(" uses ");
      return this.wrong(expression.at, `${name} is defined by itself: ${way}.`);
    }
    const open: Open = { reads: new Set(), isOfLoop: false };
    this.#open.set(name, open);
    const value = this.evaluate(expression, scope);
    this.#open.delete(name);
    if (!open.isOfLoop) this.#known.set(name, { value, reads: open.reads });
    return value;
  }

  #undefined(name: string, scope: Scope | null, at: number): JxValue {
    const names = [...this.#defined.keys()];
    for (let level = scope; level !== null; level = level.outer) names.push(...level.values.keys());
    const hint = didYouMean(name, names);
    const way = hint === "" ? ` put it into "define", or give it with --jx-define ${name}=VALUE.` : hint;
    return this.wrong(at, `${name} is not defined:${way}`);
  }

  items(items: readonly Item[], scope: Scope | null): readonly JxValue[] {
    const values: JxValue[] = [];
    for (const { body, loops } of items)
      this.#loop(loops, 0, scope, (inner) => values.push(this.evaluate(body, inner)));
    return values;
  }

  #loop(
    loops: readonly Loop[],
    index: number,
    scope: Scope | null,
    visit: (scope: Scope | null) => void,
  ): void {
    const loop = loops[index];
    if (loop === undefined) return visit(scope);
    const list = this.evaluate(loop.list, scope);
    if (list.type === "wrong") return;
    if (list.type !== "array") {
      this.#blameOnce(loop.at, `for … in takes a list, found ${named(list)}.`);
      return;
    }
    for (const item of list.items) {
      if (this.#steps > STEPS_MAX) return;
      const inner = { values: new Map([[loop.variable, item]]), outer: scope };
      const condition = loop.condition === null ? null : this.evaluate(loop.condition, inner);
      if (condition?.type === "wrong") return;
      if (condition !== null && condition.type !== "boolean") {
        this.#blameOnce(condition.at, `The condition of a list is true or false, found ${named(condition)}.`);
        return;
      }
      if (condition?.value !== false) this.#loop(loops, index + 1, inner, visit);
    }
  }

  #object({ pairs, at }: Expression & { readonly type: "object" }, scope: Scope | null): JxValue {
    const entries = new Map<string, JxValue>();
    for (const { key, value } of pairs) {
      const name = this.evaluate(key, scope);
      const computed = this.evaluate(value, scope);
      if (name.type === "string") {
        // Of two with one name JX finds the first.
        if (!entries.has(name.value)) entries.set(name.value, computed);
      } else if (name.type !== "wrong")
        this.#blameOnce(key.at, `A key must be a text, found ${named(name)}.`);
    }
    return { type: "object", entries, at } satisfies JxObject;
  }

  #lookup(expression: Expression & { readonly type: "lookup" }, scope: Scope | null): JxValue {
    const { at } = expression;
    const of = this.evaluate(expression.of, scope);
    const index = this.evaluate(expression.index, scope);
    if (of.type === "wrong" || index.type === "wrong") return wrong(at);
    if (of.type === "object" && index.type === "string") {
      const found = of.entries.get(index.value);
      if (found !== undefined) return found;
      return this.wrong(
        at,
        `There is no key ${JSON.stringify(index.value)} here.${didYouMean(index.value, of.entries.keys())}`,
      );
    }
    if (of.type === "array" && index.type === "integer") {
      const found = of.items.at(index.value);
      return (
        found ??
        this.wrong(at, `There is no item ${index.value} in a list of ${of.items.length}; the first is 0.`)
      );
    }
    return this.wrong(
      at,
      `[…] takes the number of an item of a list or the key of an object, found ${named(index)} for ${named(of)}.`,
    );
  }

  #slice(expression: Expression & { readonly type: "slice" }, scope: Scope | null): JxValue {
    const { at } = expression;
    const of = this.evaluate(expression.of, scope);
    const ends = [expression.from, expression.to].map((end) =>
      end === null ? null : this.evaluate(end, scope),
    );
    if (of.type === "wrong" || ends.some((end) => end?.type === "wrong")) return wrong(at);
    if (of.type !== "array") return this.wrong(at, `[from:to] takes a part of a list, found ${named(of)}.`);
    const [from = null, to = null] = ends;
    if ((from !== null && from.type !== "integer") || (to !== null && to.type !== "integer"))
      return this.wrong(at, "[from:to] takes whole numbers.");
    return { type: "array", items: of.items.slice(from?.value ?? 0, to?.value), at };
  }

  #applied(applied: Applied, at: number): JxValue {
    if (typeof applied === "string") return this.wrong(at, applied);
    if (applied.type === "array" && applied.items.length > LIST_ITEMS_MAX)
      return this.wrong(at, `This list has more than ${LIST_ITEMS_MAX} items.`);
    if (applied.type === "string" && applied.value.length > TEXT_CHARACTERS_MAX)
      return this.wrong(at, "This text has more than 16 million characters.");
    return applied;
  }
}

/** Of a name: what is computed where it is used, or a value that is there already. */
export type Definition = { readonly expression: Expression } | { readonly value: JxValue };

function isShadowed(names: ReadonlySet<string>, scope: Scope | null): boolean {
  for (let at = scope; at !== null; at = at.outer) {
    for (const name of at.values.keys()) if (names.has(name)) return true;
  }
  return false;
}

function literal({ value, whole, at }: Expression & { readonly type: "literal" }): JxValue {
  if (value === null) return { type: "null", at };
  if (typeof value === "string") return text(value, at);
  if (typeof value === "boolean") return boolean(value, at);
  return whole ? integer(value, at) : { type: "double", value, at };
}
