/**
 * A text of JX as the JSON that it computes. What its `define` says, and before it what was given from outside, are names in it.
 */
import {
  FaultList,
  type Locate,
  locatePositionsOnly,
  type Place,
  type Position,
  wholeDocument,
} from "../../fault.ts";
import type { ReadDocument } from "../../reading.ts";
import { SourceText } from "../makeflow/sourceText.ts";
import { Evaluator, type Definition } from "./evaluate.ts";
import { parseJx } from "./parse.ts";
import type { JxFiles } from "./scope.ts";
import type { Expression } from "./syntax.ts";
import { type JxValue, plainOf } from "./value.ts";

/** An object of names and values, in JX; one may use those before it. `source` says where it comes from, for people. */
export interface JxVariables {
  readonly source: string;
  readonly text: string;
}

/** Null after faults, all of which have positions. */
export function readJx(
  content: Uint8Array,
  variables: readonly JxVariables[],
  files: JxFiles | null,
  faults: FaultList,
): ReadDocument | null {
  const before = faults.total;
  const given = new Map<string, Definition>();
  for (const { source, text } of variables) give(given, source, text, files, faults);
  const source = sourceOf(Buffer.from(content).toString("utf8"));
  const value = faults.total > before ? null : computed(source, given, files, faults);
  if (value === null || faults.total > before) return null;
  return { value: plainOf(value), locate: locatorOf(value, source) };
}

const sourceOf = (text: string): SourceText => new SourceText(text.replaceAll("\r\n", "\n"));

function computed(
  source: SourceText,
  given: ReadonlyMap<string, Definition>,
  files: JxFiles | null,
  faults: FaultList,
): JxValue | null {
  const expression = parseJx(source, faults);
  if (expression === null) return null;
  const blame = (at: number, message: string): void => faults.add(() => source.placeAt(at), message);
  return new Evaluator(new Map([...definitionsOf(expression), ...given]), files, blame).evaluate(
    expression,
    null,
  );
}

/** Those of the outermost object; what is wrong with them shows when it is computed as a part of it. */
function definitionsOf(expression: Expression): readonly (readonly [string, Definition])[] {
  const define = pairsOf(expression).find(([name]) => name === "define");
  return define === undefined ? [] : pairsOf(define[1]).map(([name, value]) => [name, { expression: value }]);
}

function pairsOf(expression: Expression): readonly (readonly [string, Expression])[] {
  if (expression.type !== "object") return [];
  return expression.pairs.flatMap(({ key, value }) =>
    key.type === "literal" && typeof key.value === "string" ? [[key.value, value] as const] : [],
  );
}

function give(
  given: Map<string, Definition>,
  name: string,
  text: string,
  files: JxFiles | null,
  faults: FaultList,
): void {
  const inner = new FaultList();
  const value = computed(sourceOf(text), given, files, inner);
  for (const { line, column, message } of inner.located(locatePositionsOnly))
    faults.add(wholeDocument, `${name}, line ${line ?? 1}, column ${column ?? 1}: ${message}`);
  if (value === null || inner.total > 0) return;
  if (value.type !== "object")
    faults.add(wholeDocument, `${name} must be an object of names and values: {"NAME": VALUE}.`);
  else for (const [key, item] of value.entries) given.set(key, { value: item });
}

const locatorOf =
  (root: JxValue, source: SourceText): Locate =>
  (places) =>
    places.map((place) => positionOf(place, root, source));

/** Of the expression from which the value came; values that a list computes share one. */
function positionOf(place: Place, root: JxValue, source: SourceText): Position | null {
  if (place.type === "position") return place.position;
  if (place.type === "document") return null;
  let value = root;
  for (const step of place.path) {
    const next =
      value.type === "array" && typeof step === "number"
        ? value.items[step]
        : value.type === "object"
          ? value.entries.get(String(step))
          : undefined;
    if (next === undefined) break;
    value = next;
  }
  const found = source.placeAt(value.at);
  return found.type === "position" ? found.position : null;
}
