/** Checks that the placeholders of a task are filled, and that what they are filled with stays within bounds. */
import type { FaultList } from "./fault.ts";
import type { Field } from "./field.ts";
import type { Foreach, ForeachAxis } from "./foreach.ts";
import type { ParamFields } from "./params.ts";
import { mayHavePlaceholders, placeholdersOf } from "./placeholder.ts";
import { quoted } from "./scalar.ts";

/** What fills the placeholders of a task. `unknown`: its foreach is wrong, so nothing can be said of them. */
export type Axis = { readonly type: "none" } | { readonly type: "unknown" } | Foreach;

/** A text with its placeholders filled; the longest that the links carry. */
const FILLED_LENGTH_MAX = 1024 * 1024;

const RANGE_VALUE_LENGTH_MAX = 17; // of a safe integer with its sign

/** Blames the field if the text, which is the field's or in it, has a placeholder that nothing fills. */
export function checkFilled(field: Field, text: string, axis: Axis, faults: FaultList): void {
  if (axis.type === "unknown" || !mayHavePlaceholders(text)) return;
  const names = placeholdersOf(text);
  if (names.length === 0) return;
  const filled = axis.type === "none" ? [] : axis.axes.map((one) => one.axis);
  const unfilled = names.find((name) => !filled.includes(name));
  if (unfilled !== undefined) {
    const reason =
      filled.length === 0
        ? `the task has no foreach; for the text itself write {{{{${unfilled}}}}}`
        : `its foreach has ${filled.join(", ")}`;
    field.blame(faults, () => `Nothing fills the placeholder {{${unfilled}}}: ${reason}.`);
    return;
  }
  if (text.length + text.split("{{").length * longestValue(axis) > FILLED_LENGTH_MAX) {
    field.blame(
      faults,
      () => `With ${quoted(unfilled ?? names[0] ?? "")} filled this would exceed 1 MiB: shorten it.`,
    );
  }
}

/** Elements of an array that write into one file would overwrite each other's; devices have no such memory. */
export function checkApart(field: Field | null, foreach: Foreach, faults: FaultList): void {
  if (typeof field?.value !== "string" || field.value.startsWith("/dev/")) return;
  const used = placeholdersOf(field.value);
  const unused = foreach.axes.find(({ axis, count }) => count > 1 && !used.includes(axis));
  if (unused === undefined) return;
  field.blame(
    faults,
    () => `Elements of the array would write into one file: put {{${unused.axis}}} into its name.`,
  );
}

function longestValue(axis: Axis): number {
  if (axis.type !== "axes") return RANGE_VALUE_LENGTH_MAX;
  return axis.axes.reduce((longest, one) => Math.max(longest, longestOf(one)), 0);
}

function longestOf(axis: ForeachAxis): number {
  if (axis.type === "range") return RANGE_VALUE_LENGTH_MAX;
  return axis.values.reduce((longest, value) => Math.max(longest, value.length), 0);
}

interface FieldText {
  readonly field: Field;
  readonly text: string;
}

/** The texts with placeholders that apply to a task: its own params, and those of the defaults that it leaves. */
export function* paramPlaceholders(own: ParamFields, defaults: ParamFields): Generator<FieldText> {
  for (const field of own.env.values()) yield* withPlaceholders(field);
  for (const [name, field] of defaults.env) if (!own.env.has(name)) yield* withPlaceholders(field);
  yield* withPlaceholders(own.stdin ?? defaults.stdin);
  yield* withPlaceholders(own.workdir ?? defaults.workdir);
  yield* withPlaceholders(own.stdout ?? defaults.stdout);
  yield* withPlaceholders(own.stderr ?? defaults.stderr);
  const outputs = own.outputs ?? defaults.outputs;
  if (outputs === null) return;
  for (const text of Array.isArray(outputs.value) ? outputs.value : [outputs.value]) {
    if (typeof text === "string" && placeholdersOf(text).length > 0) yield { field: outputs, text };
  }
}

export function* withPlaceholders(field: Field | null): Generator<FieldText> {
  if (typeof field?.value === "string" && placeholdersOf(field.value).length > 0)
    yield { field, text: field.value };
}
