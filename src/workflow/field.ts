/** Parts of a task or of the defaults: a value, where it stands, and whether it has been found wrong. */
import { atKey, atValue, type FaultList, type Path } from "./fault.ts";
import { didYouMean } from "./nearest.ts";
import { fill, type Filling, mayHavePlaceholders } from "./placeholder.ts";
import { describe, type Entries, isEntries, quoted } from "./scalar.ts";

/** A field of the defaults is seen again with each task, one of an array with each element: it is blamed once. */
export class Field {
  readonly value: unknown;
  readonly path: Path;
  #blamed = false;

  constructor(value: unknown, path: Path) {
    this.value = value;
    this.path = path;
  }

  blame(faults: FaultList, message: () => string): void {
    if (this.#blamed) return;
    this.#blamed = true;
    faults.add(() => atValue(this.path), message);
  }

  filled(filling: Filling | null): unknown {
    const { value } = this;
    return typeof value === "string" && mayHavePlaceholders(value) ? fill(value, filling) : value;
  }
}

export const noFields: ReadonlyMap<string, Field> = new Map();

/** The field of this key, or null if it is left out or empty. */
export function fieldOf(entries: Entries, key: string, path: Path): Field | null {
  const value = entries[key];
  return value === undefined || value === null ? null : new Field(value, [...path, key]);
}

/** All that is not empty in the object of this key; `what` names it in the fault if it is no object. */
export function fieldsIn(field: Field | null, what: string, faults: FaultList): ReadonlyMap<string, Field> {
  if (field === null) return noFields;
  const { value, path } = field;
  if (!isEntries(value)) {
    field.blame(faults, () => `${what} must be an object, found ${describe(value)}.`);
    return noFields;
  }
  const fields = new Map<string, Field>();
  for (const [key, item] of Object.entries(value)) {
    if (item !== null && item !== undefined) fields.set(key, new Field(item, [...path, key]));
  }
  return fields;
}

/** Words of other tools for fields of a task, and fields written one level too high. */
export const otherTaskKeys: ReadonlyMap<string, string> = new Map([
  ["retries", "retry"],
  ["needs", "depends"],
  ["dependencies", "depends"],
  ["cmd", "command"],
  ["run", "command"],
  ["script", "command"],
  ["shell", "command"],
  ["env", "params.env"],
  ["stdin", "params.stdin"],
  ["workdir", "params.workdir"],
  ["cpus", "resources.cpus"],
  ["memory", "resources.memory"],
  ["gpus", "resources.gpus"],
]);

export interface KnownKeys {
  /** The thing that has these keys, in messages: "a task". */
  readonly owner: string;
  readonly keys: ReadonlySet<string>;
  /** Keys of later versions. */
  readonly later: ReadonlySet<string>;
  /** What is often written instead (lower case), and where it belongs. */
  readonly otherNames: ReadonlyMap<string, string>;
}

/** What a single task cannot have and the job can. */
const OF_THE_JOB: ReadonlySet<string> = new Set(["maxRunning", "failFast"]);

/** A fault for each key that this version does not know. */
export function checkKeys(entries: Entries, known: KnownKeys, path: Path, faults: FaultList): void {
  for (const key of Object.keys(entries)) {
    if (!known.keys.has(key)) refuseKey(key, known, path, faults);
  }
}

function refuseKey(key: string, known: KnownKeys, path: Path, faults: FaultList): void {
  const place = () => atKey([...path, key]);
  if (known.later.has(key)) {
    if (OF_THE_JOB.has(key)) {
      faults.add(
        place,
        () => `${key} holds for the whole job: write it at the top of the document, beside tasks.`,
      );
      return;
    }
    faults.add(place, () => `This version does not support ${quoted(key)} yet: leave it out.`);
    return;
  }
  faults.add(place, () => {
    const guess = didYouMean(key, known.keys, known.otherNames);
    const advice = guess === "" ? ` It has ${[...known.keys].join(", ")}.` : guess;
    return `Unknown key ${quoted(key)} in ${known.owner}.${advice}`;
  });
}
