/**
 * Checks what was read and makes a WorkflowDocument of it. All faults are found in one go: what is wrong is blamed and
 * replaced by a default, and the check goes on, so that the document is complete even with faults, and links can be
 * checked too.
 */
import { JOB_TASKS_MAX } from "../../protocol/limits.ts";
import type { Resources } from "../../protocol/resources.ts";
import { TaskCheck } from "./checkTask.ts";
import { readDefaults } from "./defaults.ts";
import { DefinitionTable } from "./definitionTable.ts";
import type { WorkflowDocument } from "./document.ts";
import { atValue, type FaultList, type Path, wholeDocument } from "./fault.ts";
import { checkKeys, fieldOf, type KnownKeys } from "./field.ts";
import type { JobFiles } from "./importers/importing.ts";
import { ListedTasks, type TaskList } from "./listedTasks.ts";
import { noOtherNames } from "./nearest.ts";
import { envFieldsOf, readEnv } from "./params.ts";
import { fill, placeholdersOf } from "./placeholder.ts";
import { readInteger } from "./quantity.ts";
import { readSetting } from "./readSetting.ts";
import { describe, type Entries, isEntries, quoted, unusableText } from "./scalar.ts";
import { UNPRINTABLE } from "./taskName.ts";

const DOCUMENT_KEYS: KnownKeys = {
  owner: "the document",
  keys: new Set(["name", "env", "defaults", "tasks", "maxRunning", "failFast"]),
  later: new Set(["outputs", "params"]),
  otherNames: noOtherNames,
};

/** A name is shown in one line of a list. */
const JOB_NAME_LENGTH_MAX = 256;

const ADVICE = "write a list of tasks, or an object with name, env, defaults and tasks";

/** `files` are those of the folder in which the job runs. Null if there are no tasks to speak of; the faults say why. */
export function checkDocument(
  value: unknown,
  capacity: Resources | null,
  files: JobFiles | null,
  faults: FaultList,
): WorkflowDocument | null {
  if (isTaskList(value)) return checkTasks({}, value, [], capacity, files, faults);
  if (!isEntries(value)) {
    faults.add(wholeDocument, `The document is ${describe(value)}: ${ADVICE}.`);
    return null;
  }
  // Keys that begin with x- hold what anchors refer to; they mean nothing by themselves, as $schema, which is for editors.
  const keys = Object.entries(value).filter(([key]) => !key.startsWith("x-") && key !== "$schema");
  checkKeys(Object.fromEntries(keys), DOCUMENT_KEYS, [], faults);
  const { tasks } = value;
  if (isTaskList(tasks)) return checkTasks(value, tasks, ["tasks"], capacity, files, faults);
  if (tasks === undefined) faults.add(wholeDocument, `The document has no tasks: ${ADVICE}.`);
  else faults.add(atValue(["tasks"]), `tasks must be a list of tasks, found ${describe(tasks)}.`);
  return null;
}

const isTaskList = (value: unknown): value is TaskList =>
  Array.isArray(value) || value instanceof ListedTasks;

function checkTasks(
  head: Entries,
  tasks: TaskList,
  tasksPath: Path,
  capacity: Resources | null,
  files: JobFiles | null,
  faults: FaultList,
): WorkflowDocument | null {
  const { $schema } = head;
  if ($schema !== undefined && $schema !== null && typeof $schema !== "string") {
    faults.add(atValue(["$schema"]), `$schema must be text, found ${describe($schema)}.`);
  }
  const name = checkName(head, faults);
  const env = checkEnv(head, faults);
  const maxRunning = readMaxRunning(head, faults);
  const failFast = readFailFast(head, faults);
  const defaults = readDefaults(head, faults);
  if (tasks.length === 0) {
    faults.add(atValue(tasksPath), "The list of tasks is empty: give at least one task.");
    return null;
  }
  if (tasks.length > JOB_TASKS_MAX) {
    faults.add(atValue(tasksPath), tooManyTasks(tasks.length));
    return null;
  }
  const check = new TaskCheck(defaults, capacity, files, faults);
  const definitions = new DefinitionTable(tasks.length);
  for (const entry of tasks) {
    const index = definitions.length;
    const before = definitions.taskCount;
    const first = definitions.add(check.definition(entry, index, tasksPath));
    if (first !== null) blameRepeatedName(definitions.nameOf(index), index, first, tasksPath, faults);
    if (before <= JOB_TASKS_MAX && definitions.taskCount > JOB_TASKS_MAX) {
      faults.add(atValue([...tasksPath, index]), tooManyTasks(definitions.taskCount));
    }
  }
  return {
    name,
    env,
    defaultParams: defaults.params,
    definitions,
    tasksPath,
    classes: check.classes.values,
    elementClasses: check.elementClasses,
    params: check.params.column(),
    maxRunning,
    failFast,
  };
}

const tooManyTasks = (count: number): string =>
  `There are ${count} tasks up to here, a job has at most ${JOB_TASKS_MAX}: split it into several workflows.`;

function blameRepeatedName(
  name: string,
  index: number,
  first: number,
  tasksPath: Path,
  faults: FaultList,
): void {
  faults.add(
    () => atValue([...tasksPath, index, "name"]),
    () => ({
      other: [...tasksPath, first, "name"],
      say: (line) => `The name ${quoted(name)} is taken by the task on line ${line}: give each task its own.`,
    }),
  );
}

function checkName(head: Entries, faults: FaultList): string | null {
  const { name } = head;
  if (name === undefined || name === null) return null;
  if (typeof name !== "string") {
    faults.add(atValue(["name"]), `name must be text, found ${describe(name)}: put it in quotes.`);
    return null;
  }
  if (name.trim() === "") {
    faults.add(atValue(["name"]), "name is empty: say what the job is called, or leave it out.");
    return null;
  }
  if (name.length > JOB_NAME_LENGTH_MAX || UNPRINTABLE.test(name) || unusableText(name) !== null) {
    faults.add(
      atValue(["name"]),
      `name must be one line of printable text, at most ${JOB_NAME_LENGTH_MAX} characters.`,
    );
    return null;
  }
  return name;
}

function readMaxRunning(head: Entries, faults: FaultList): number | null {
  const field = fieldOf(head, "maxRunning", []);
  return readSetting("maxRunning", field, null, null, faults, (value) =>
    readInteger(value, 1, JOB_TASKS_MAX),
  );
}

function readFailFast(head: Entries, faults: FaultList): boolean {
  const { failFast } = head;
  if (failFast === undefined || failFast === null) return false;
  if (typeof failFast === "boolean") return failFast;
  faults.add(atValue(["failFast"]), `failFast must be true or false, found ${describe(failFast)}.`);
  return false;
}

function checkEnv(head: Entries, faults: FaultList): Readonly<Record<string, string>> {
  const fields = envFieldsOf(head, [], faults);
  const env = readEnv(fields, faults);
  for (const [name, value] of Object.entries(env)) {
    const [placeholder] = placeholdersOf(value);
    if (placeholder === undefined) continue;
    fields
      .get(name)
      ?.blame(faults, () => `Nothing fills {{${placeholder}}} here: only params.env of a task is filled.`);
  }
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, fill(value, null)]));
}
