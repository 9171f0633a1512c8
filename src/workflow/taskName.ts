/** Names of tasks and what they depend on. */
import type { Dependency } from "./definition.ts";
import { atKey, atValue, type FaultList, type Path } from "./fault.ts";
import { mayHavePlaceholders, placeholdersOf } from "./placeholder.ts";
import { describe, isEntries, quoted, unusableText } from "./scalar.ts";

/** A name is a key on wires and in stores, and is shown in one line of a list. */
export const TASK_NAME_LENGTH_MAX = 256;

const USUAL = /^[\w.-]+$/;
/** Control characters, line and paragraph separators, and those that turn the direction of text. */
export const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
const ELEMENT = /\[\d+\]$/;

/** The name, or empty text after a fault. */
export function readTaskName(name: unknown, path: Path, faults: FaultList): string {
  if (name === undefined || name === null) {
    faults.add(
      () => atValue(path),
      () => `Task number ${Number(path.at(-1)) + 1} has no name: give it one that no other task has.`,
    );
    return "";
  }
  if (typeof name !== "string") {
    const place = (): ReturnType<typeof atValue> => atValue([...path, "name"]);
    faults.add(place, () => `name must be text, found ${describe(name)}: put it in quotes.`);
    return "";
  }
  if (name.length <= TASK_NAME_LENGTH_MAX && USUAL.test(name)) return name;
  const problem = nameProblem(name);
  if (problem === null) return name;
  faults.add(
    () => atValue([...path, "name"]),
    () => `The name ${quoted(name)} ${problem}.`,
  );
  return "";
}

function nameProblem(name: string): string | null {
  if (name === "") return "is empty: give the task one that no other task has";
  if (name.length > TASK_NAME_LENGTH_MAX)
    return `is longer than ${TASK_NAME_LENGTH_MAX} characters: shorten it`;
  if (unusableText(name) !== null || UNPRINTABLE.test(name)) {
    return "has a line break or another control character: a name is one line of printable text";
  }
  if (name.trim() !== name) return "begins or ends with a space: take the space out";
  if (ELEMENT.test(name))
    return "ends like the name of an array element: leave the [number] out, or use foreach";
  if (mayHavePlaceholders(name) && placeholdersOf(name).length > 0) {
    return "has a placeholder, which names do not take: the elements of an array are called name[1], name[2], and so on";
  }
  return null;
}

const noDependencies: readonly Dependency[] = [];

/** One dependency or a list of them, in the order of the document; a wrong one is an empty name. */
export function readDepends(value: unknown, path: Path, faults: FaultList): readonly Dependency[] {
  if (value === undefined || value === null) return noDependencies;
  const at = [...path, "depends"];
  if (!Array.isArray(value)) return [readDependency(value, () => at, faults)];
  if (value.length === 0) return noDependencies;
  const items: readonly unknown[] = value;
  if (items.every(isName)) return items;
  return items.map((item, index) => readDependency(item, () => [...at, index], faults));
}

const isName = (value: unknown): value is string => typeof value === "string" && value !== "";

const FORMS = "write the name of a task, or {task: name, same: index}";

function readDependency(value: unknown, path: () => Path, faults: FaultList): Dependency {
  if (isName(value)) return value;
  if (!isEntries(value)) {
    faults.add(
      () => atValue(path()),
      () => `A dependency must be text, found ${describe(value)}: ${FORMS}.`,
    );
    return "";
  }
  const otherKey = Object.keys(value).find((key) => key !== "task" && key !== "same");
  if (otherKey !== undefined) {
    faults.add(
      () => atKey([...path(), otherKey]),
      () => `Unknown key ${quoted(otherKey)} in a dependency: ${FORMS}.`,
    );
    return "";
  }
  const { task, same } = value;
  if (typeof task !== "string" || task === "") {
    faults.add(
      () => atValue([...path(), "task"]),
      () => `The task of a dependency must be a name, found ${describe(task)}: ${FORMS}.`,
    );
    return "";
  }
  if (same === undefined || same === null) return task;
  if (same === "index") return { same: task };
  faults.add(
    () => atValue([...path(), "same"]),
    () => `same must be index, found ${describe(same)}: ${FORMS}.`,
  );
  return "";
}
