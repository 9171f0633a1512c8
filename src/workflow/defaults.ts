/** The `defaults` of a document: any field of a task but those that make a task one of its own. */
import type { TaskParams } from "./document.ts";
import { atKey, atValue, type FaultList } from "./fault.ts";
import { checkKeys, type Field, fieldOf, type KnownKeys, otherTaskKeys } from "./field.ts";
import { type ParamFields, noParamFields, noParams, paramFieldsOf, readParams } from "./params.ts";
import { describe, type Entries, isEntries } from "./scalar.ts";
import { noSettings, type SettingFields, settingFieldsOf } from "./settings.ts";

export interface Defaults {
  readonly settings: SettingFields;
  readonly paramFields: ParamFields;
  readonly params: TaskParams;
  readonly command: Field | null;
}

const noDefaults: Defaults = {
  settings: noSettings,
  paramFields: noParamFields,
  params: noParams,
  command: null,
};

const OWN_KEYS = ["name", "depends", "when", "foreach"];

const DEFAULT_KEYS: KnownKeys = {
  owner: "defaults",
  keys: new Set([
    "command",
    "params",
    "outputs",
    "stdout",
    "stderr",
    "executor",
    "resources",
    "timeout",
    "priority",
    "retry",
  ]),
  later: new Set(["maxRunning", "failFast", "image", "volumes"]),
  otherNames: otherTaskKeys,
};

export function readDefaults(head: Entries, faults: FaultList): Defaults {
  const entries = head["defaults"];
  const path = ["defaults"];
  if (entries === undefined || entries === null) return noDefaults;
  if (!isEntries(entries)) {
    faults.add(
      atValue(path),
      `defaults must be an object with fields of a task, found ${describe(entries)}.`,
    );
    return noDefaults;
  }
  for (const key of OWN_KEYS.filter((own) => Object.hasOwn(entries, own))) {
    faults.add(
      atKey([...path, key]),
      `defaults cannot have ${key}, which belongs to one task: move it there.`,
    );
  }
  const shared = Object.entries(entries).filter(([key]) => !OWN_KEYS.includes(key));
  checkKeys(Object.fromEntries(shared), DEFAULT_KEYS, path, faults);
  const paramFields = paramFieldsOf(entries, path, faults);
  return {
    settings: settingFieldsOf(entries, path, faults),
    paramFields,
    params: readParams(paramFields, faults),
    command: fieldOf(entries, "command", path),
  };
}
