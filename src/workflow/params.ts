/** The params of a shell task (`env`, `stdin`, `workdir`) and the document's `env`. */
import { ENVIRONMENT_BYTES_MAX, STDIN_BYTES_MAX } from "../../protocol/limits.ts";
import type { TaskParams } from "./document.ts";
import { atKey, atValue, type FaultList, type Path } from "./fault.ts";
import { checkKeys, type Field, fieldOf, fieldsIn, type KnownKeys, noFields } from "./field.ts";
import { noOtherNames } from "./nearest.ts";
import { describe, type Entries, isEntries, quoted, textOf, unusableText } from "./scalar.ts";

export interface ParamFields {
  readonly env: ReadonlyMap<string, Field>;
  readonly stdin: Field | null;
  readonly workdir: Field | null;
}

export const noParamFields: ParamFields = { env: noFields, stdin: null, workdir: null };
export const noParams: TaskParams = { env: {}, stdin: null, workdir: null };

const PARAM_KEYS: KnownKeys = {
  owner: "params",
  keys: new Set(["env", "stdin", "workdir"]),
  later: new Set(["image", "volumes"]),
  otherNames: noOtherNames,
};

/** The longest path that Linux takes. */
const WORKDIR_BYTES_MAX = 4095;

export function paramFieldsOf(entries: Entries, path: Path, faults: FaultList): ParamFields {
  const field = fieldOf(entries, "params", path);
  if (field === null) return noParamFields;
  if (!isEntries(field.value)) {
    field.blame(faults, () => `params must be an object, found ${describe(field.value)}.`);
    return noParamFields;
  }
  checkKeys(field.value, PARAM_KEYS, field.path, faults);
  return {
    env: envFieldsOf(field.value, field.path, faults),
    stdin: fieldOf(field.value, "stdin", field.path),
    workdir: fieldOf(field.value, "workdir", field.path),
  };
}

/** The fields under the key `env`. An empty value is a fault: it may be meant as empty text or as no variable. */
export function envFieldsOf(entries: Entries, path: Path, faults: FaultList): ReadonlyMap<string, Field> {
  const field = fieldOf(entries, "env", path);
  const fields = fieldsIn(field, "env", faults);
  if (field === null || !isEntries(field.value)) return fields;
  for (const [name, value] of Object.entries(field.value)) {
    const place = [...field.path, name];
    if (value === null)
      faults.add(atValue(place), `The variable ${quoted(name)} has no value: write "" for empty text.`);
    const reason = unusableVariable(name);
    if (reason !== null)
      faults.add(atKey(place), `${quoted(name)} cannot be a variable of a task: ${reason}.`);
  }
  return fields;
}

/** qrew sets these for each attempt; the mark is how its processes are found again. */
const OWN_VARIABLES: ReadonlySet<string> = new Set([
  "QREW_JOB_ID",
  "QREW_TASK",
  "QREW_ATTEMPT",
  "QREW_CPUS",
  "QREW_NODE",
  "QREW_MARK",
]);

function unusableVariable(name: string): string | null {
  // The links refuse names that every object has as keys.
  if (name === "__proto__" || name === "constructor" || name === "prototype") return "the name is reserved";
  if (name === "" || name.includes("=") || unusableText(name) !== null) {
    return "its name must not be empty and must not have = or NUL";
  }
  return OWN_VARIABLES.has(name) ? "qrew sets it itself" : null;
}

/** The texts in the fields. A wrong field is blamed and left out. */
export function readParams(fields: ParamFields, faults: FaultList): TaskParams {
  if (fields === noParamFields) return noParams;
  const stdin = readText("stdin", fields.stdin, STDIN_BYTES_MAX, faults);
  return {
    env: readEnv(fields.env, faults),
    stdin,
    workdir: readText("workdir", fields.workdir, WORKDIR_BYTES_MAX, faults),
  };
}

export function readEnv(
  fields: ReadonlyMap<string, Field>,
  faults: FaultList,
): Readonly<Record<string, string>> {
  const entries: [string, string][] = [];
  let bytes = 0;
  for (const [name, field] of fields) {
    const value = readText(`The variable ${quoted(name)}`, field, ENVIRONMENT_BYTES_MAX, faults);
    if (value === null) continue;
    entries.push([name, value]);
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + 2;
    if (bytes > ENVIRONMENT_BYTES_MAX) {
      field.blame(
        faults,
        () => `env has more than ${ENVIRONMENT_BYTES_MAX} bytes: put large values into files.`,
      );
      break;
    }
  }
  return Object.fromEntries(entries);
}

function readText(what: string, field: Field | null, bytesMax: number, faults: FaultList): string | null {
  if (field === null) return null;
  const text = textOf(field.value);
  if (text === null) {
    const advice = typeof field.value === "boolean" ? ": put it in quotes" : "";
    field.blame(faults, () => `${what} must be text, found ${describe(field.value)}${advice}.`);
    return null;
  }
  const unusable = unusableText(text);
  if (unusable !== null) {
    field.blame(faults, () => `${what} ${unusable}: take it out.`);
    return null;
  }
  if (text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax) {
    field.blame(faults, () => `${what} has more than ${bytesMax} bytes: put the text into a file.`);
    return null;
  }
  return text;
}
