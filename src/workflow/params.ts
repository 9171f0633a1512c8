/** The params of a shell task (`env`, `stdin`, `workdir`) and the document's `env`. */
import { ENVIRONMENT_BYTES_MAX, STDIN_BYTES_MAX } from "../../protocol/limits.ts";
import type { TaskParams } from "./document.ts";
import { atKey, atValue, type FaultList, type Path } from "./fault.ts";
import { checkKeys, type Field, fieldOf, fieldsIn, type KnownKeys, noFields } from "./field.ts";
import { noOtherNames } from "./nearest.ts";
import { PATH_BYTES_MAX, readOutputs, readPath } from "./taskFiles.ts";
import { readText } from "./readText.ts";
import { describe, type Entries, isEntries, quoted, unusableText } from "./scalar.ts";

export interface ParamFields {
  readonly env: ReadonlyMap<string, Field>;
  readonly stdin: Field | null;
  readonly workdir: Field | null;
  readonly stdout: Field | null;
  readonly stderr: Field | null;
  readonly outputs: Field | null;
}

const noFiles = { stdout: null, stderr: null, outputs: null };
export const noParamFields: ParamFields = { env: noFields, stdin: null, workdir: null, ...noFiles };
export const noParams: TaskParams = { env: {}, stdin: null, workdir: null, ...noFiles };

const PARAM_KEYS: KnownKeys = {
  owner: "params",
  keys: new Set(["env", "stdin", "workdir"]),
  later: new Set(["image", "volumes"]),
  otherNames: noOtherNames,
};

/** The fields of `params`, and those for files, which stand beside it. */
export function paramFieldsOf(entries: Entries, path: Path, faults: FaultList): ParamFields {
  const params = fieldOf(entries, "params", path);
  const stdout = fieldOf(entries, "stdout", path);
  const stderr = fieldOf(entries, "stderr", path);
  const outputs = fieldOf(entries, "outputs", path);
  // Most tasks have none of them: then all share one object.
  if (params === null && stdout === null && stderr === null && outputs === null) return noParamFields;
  return { ...paramsIn(params, faults), stdout, stderr, outputs };
}

function paramsIn(field: Field | null, faults: FaultList): ParamFields {
  if (field === null) return noParamFields;
  if (!isEntries(field.value)) {
    field.blame(faults, () => `params must be an object, found ${describe(field.value)}.`);
    return noParamFields;
  }
  checkKeys(field.value, PARAM_KEYS, field.path, faults);
  return {
    ...noParamFields,
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
    workdir: readText("workdir", fields.workdir, PATH_BYTES_MAX, faults),
    stdout: readPath("stdout", fields.stdout, faults),
    stderr: readPath("stderr", fields.stderr, faults),
    outputs: readOutputs(fields.outputs, faults),
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
