/** The files that a task names: `stdout`, `stderr`, `outputs`. */
import { atValue, type FaultList } from "./fault.ts";
import { Field } from "./field.ts";
import { readText } from "./readText.ts";
import { describe } from "./scalar.ts";

/** The longest path that Linux takes. */
export const PATH_BYTES_MAX = 4095;

/** Each is looked for when the task has ended, while the next ones wait. */
export const OUTPUTS_MAX = 1000;

/** Null if there is no field, or after a fault. */
export function readPath(what: string, field: Field | null, faults: FaultList): string | null {
  const text = readText(what, field, PATH_BYTES_MAX, faults);
  if (text === null) return null;
  if (text !== "" && !text.endsWith("/")) return text;
  field?.blame(faults, () => `${what} must be the path of a file, found ${describe(text)}.`);
  return null;
}

/** One path or pattern, or a list of them; null if there is no field, or after a fault. */
export function readOutputs(field: Field | null, faults: FaultList): readonly string[] | null {
  if (field === null) return null;
  const { value, path } = field;
  if (!Array.isArray(value)) {
    const text = readOutput(field, faults);
    return text === null ? null : [text];
  }
  if (value.length > OUTPUTS_MAX) {
    field.blame(
      faults,
      () =>
        `outputs has ${value.length} entries, at most ${OUTPUTS_MAX} are looked for: use a pattern such as "out/*".`,
    );
    return null;
  }
  const texts: string[] = [];
  for (const [index, item] of value.entries()) {
    if (item === null) {
      faults.add(atValue([...path, index]), "An entry of outputs is empty: name a file, or take it out.");
    }
    const text = item === null ? null : readOutput(new Field(item, [...path, index]), faults);
    if (text !== null) texts.push(text);
  }
  return texts;
}

function readOutput(field: Field, faults: FaultList): string | null {
  const text = readText("An entry of outputs", field, PATH_BYTES_MAX, faults);
  if (text !== "") return text;
  field.blame(faults, () => "An entry of outputs is empty: name a file, or take it out.");
  return null;
}
