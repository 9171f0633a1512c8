/** Checks one task after the other and numbers their classes and params. */
import { JOB_TASKS_MAX } from "../../protocol/limits.ts";
import type { Resources } from "../../protocol/resources.ts";
import { readCommand } from "./command.ts";
import type { Defaults } from "./defaults.ts";
import type { Definition } from "./definition.ts";
import type { TaskParams } from "./document.ts";
import { atValue, type FaultList, type Path, wholeDocument } from "./fault.ts";
import { checkKeys, fieldOf, type KnownKeys, otherTaskKeys } from "./field.ts";
import { fillingAt, type Foreach, readForeach } from "./foreach.ts";
import type { JobFiles } from "./importers/importing.ts";
import { Interner } from "./interner.ts";
import { noParamFields, noParams, paramFieldsOf, readParams } from "./params.ts";
import type { Filling } from "./placeholder.ts";
import { type Axis, checkApart, checkFilled, paramPlaceholders } from "./placeholderUse.ts";
import { type TaskClass, WHEN_SUCCESS } from "./plan.ts";
import { type Amounts, amountsOf } from "./resourceFields.ts";
import { describe, type Entries, isEntries, quoted } from "./scalar.ts";
import {
  overSettings,
  readTaskClass,
  type SettingFields,
  settingFieldsOf,
  settingPlaceholders,
} from "./settings.ts";
import { readDepends, readTaskName } from "./taskName.ts";
import { TextTable } from "./textTable.ts";
import { readWhen } from "./when.ts";

const TASK_KEYS: KnownKeys = {
  owner: "a task",
  keys: new Set([
    "name",
    "depends",
    "when",
    "command",
    "params",
    "outputs",
    "stdout",
    "stderr",
    "resources",
    "timeout",
    "priority",
    "retry",
    "foreach",
    "executor",
  ]),
  later: new Set(["maxRunning", "failFast", "image", "volumes"]),
  otherNames: otherTaskKeys,
};

const noAxis: Axis = { type: "none" };
const unknownAxis: Axis = { type: "unknown" };

const SETTING_KEYS = ["executor", "timeout", "priority", "resources", "retry"] as const;

const NO_PARAMS_TEXT = JSON.stringify(noParams);

/** Each class is an object in the scheduler, which looks at all of them; a hundred thousand are 30 MB. */
const TASK_CLASSES_MAX = 100_000;

export class TaskCheck {
  readonly classes = new Interner<TaskClass>();
  /** As JSON text. */
  readonly params = new TextTable();
  readonly elementClasses = new Map<number, Uint32Array>();
  readonly #defaults: Defaults;
  readonly #amounts: Amounts;
  /** Of the folder in which the job runs; null if nothing is known of them. */
  readonly #files: JobFiles | null;
  readonly #faults: FaultList;
  readonly #defaultCommand: string | readonly string[] | null;
  readonly #defaultsVary: boolean;
  /** Params of a task that gives none. */
  readonly #ownNothing: number;
  /** Of tasks with no setting of their own (null), or only this executor, where the defaults have no placeholders. */
  readonly #simpleClasses = new Map<unknown, number>();
  #elements = 0;
  #classesRefused = false;

  constructor(defaults: Defaults, capacity: Resources | null, files: JobFiles | null, faults: FaultList) {
    this.#defaults = defaults;
    this.#files = files;
    this.#amounts = amountsOf(capacity);
    this.#faults = faults;
    this.#defaultCommand = defaults.command === null ? null : readCommand(defaults.command, faults);
    this.#defaultsVary = !settingPlaceholders(defaults.settings).next().done;
    this.#ownNothing = this.params.number(NO_PARAMS_TEXT);
  }

  /** The definition of entry `index`; what is wrong in it is blamed and replaced. */
  definition(value: unknown, index: number, tasksPath: Path): Definition {
    if (!isEntries(value)) {
      this.#faults.add(
        () => atValue([...tasksPath, index]),
        () => `A task must be an object with a name, found ${describe(value)}.`,
      );
      return {
        name: "",
        depends: [],
        when: WHEN_SUCCESS,
        foreach: null,
        command: "",
        classIndex: 0,
        paramsIndex: this.#ownNothing,
      };
    }
    const path = [...tasksPath, index];
    checkKeys(value, TASK_KEYS, path, this.#faults);
    const name = readTaskName(value["name"], path, this.#faults);
    const foreachField = fieldOf(value, "foreach", path);
    const foreach =
      foreachField === null
        ? null
        : readForeach(foreachField.value, foreachField.path, this.#files, this.#faults);
    this.#elements += foreach?.count ?? 1;
    const axis: Axis = foreach ?? (foreachField === null ? noAxis : unknownAxis);
    const classIndex = this.#classOf(value, index, path, axis);
    const isShell = (this.classes.values[classIndex]?.executor ?? "shell") === "shell";
    const command = this.#commandOf(value, path, isShell, axis);
    const paramsIndex = this.#paramsOf(value, path, isShell, axis);
    const depends = readDepends(value["depends"], path, this.#faults);
    const when = readWhen(value["when"], depends.length, path, this.#faults);
    return { name, depends, when, foreach, command, classIndex, paramsIndex };
  }

  #classOf(value: Entries, index: number, path: Path, axis: Axis): number {
    const own = ownSettings(value);
    if (this.#defaultsVary || own === "several")
      return this.#ownClassOf(value, own !== "none", index, path, axis);
    // What most tasks say is what others have said: their class is read once.
    const key = own === "none" ? null : value["executor"];
    const known = this.#simpleClasses.get(key);
    if (known !== undefined) return known;
    const before = this.#faults.total;
    const number = this.#ownClassOf(value, own !== "none", index, path, axis);
    if (this.#faults.total === before) this.#simpleClasses.set(key, number);
    return number;
  }

  #ownClassOf(value: Entries, own: boolean, index: number, path: Path, axis: Axis): number {
    const ownFields = own ? settingFieldsOf(value, path, this.#faults) : null;
    const fields =
      ownFields === null ? this.#defaults.settings : overSettings(ownFields, this.#defaults.settings);
    let varies = false;
    for (const { field, text } of settingPlaceholders(fields)) {
      varies = true;
      checkFilled(field, text, axis, this.#faults);
    }
    if (!varies) return this.#classNumber(this.#readClass(fields, null));
    if (axis.type !== "axes" || this.#elements > JOB_TASKS_MAX) return 0;
    return this.#elementClasses(fields, index, axis);
  }

  /** The class of the first element; where others differ, the classes of all are kept. */
  #elementClasses(fields: SettingFields, index: number, foreach: Foreach): number {
    const numbers = new Uint32Array(foreach.count);
    for (let position = 0; position < foreach.count; position += 1) {
      numbers[position] = this.#classNumber(this.#readClass(fields, fillingAt(foreach, position)));
    }
    const first = numbers[0] ?? 0;
    if (numbers.some((number) => number !== first)) this.elementClasses.set(index, numbers);
    return first;
  }

  #readClass(fields: SettingFields, filling: Filling | null): TaskClass {
    return readTaskClass(fields, filling, this.#amounts, this.#faults);
  }

  #classNumber(taskClass: TaskClass): number {
    if (this.classes.values.length >= TASK_CLASSES_MAX && !this.#classesRefused) {
      this.#classesRefused = true;
      this.#faults.add(
        wholeDocument,
        `More than ${TASK_CLASSES_MAX} tasks differ in resources, timeout, priority or retry: round these values.`,
      );
    }
    return this.#classesRefused ? 0 : this.classes.number(classKey(taskClass), () => taskClass);
  }

  #commandOf(value: Entries, path: Path, isShell: boolean, axis: Axis): string | readonly string[] {
    const field = fieldOf(value, "command", path);
    if (!isShell) {
      field?.blame(this.#faults, () => "The executor noop runs nothing: leave out command, or executor.");
      return "";
    }
    const used = field ?? this.#defaults.command;
    if (used === null) {
      const { name } = value;
      this.#faults.add(
        () => atValue(path),
        () =>
          `The task${typeof name === "string" ? ` ${quoted(name)}` : ""} has no command: say what to run.`,
      );
      return "";
    }
    const command = field === null ? this.#defaultCommand : readCommand(field, this.#faults);
    for (const text of typeof command === "string" ? [command] : (command ?? [])) {
      checkFilled(used, text, axis, this.#faults);
    }
    return command ?? "";
  }

  #paramsOf(value: Entries, path: Path, isShell: boolean, axis: Axis): number {
    const own = paramFieldsOf(value, path, this.#faults);
    const params = readParams(own, this.#faults);
    if (!isShell) {
      own.outputs?.blame(
        this.#faults,
        () => "The executor noop makes no files: leave out outputs, or executor.",
      );
      return this.#ownNothing;
    }
    if (axis.type === "axes") {
      checkApart(own.stdout ?? this.#defaults.paramFields.stdout, axis, this.#faults);
      checkApart(own.stderr ?? this.#defaults.paramFields.stderr, axis, this.#faults);
    }
    for (const { field, text } of paramPlaceholders(own, this.#defaults.paramFields)) {
      checkFilled(field, text, axis, this.#faults);
    }
    return own === noParamFields ? this.#ownNothing : this.#paramsNumber(params);
  }

  #paramsNumber(params: TaskParams): number {
    return this.params.number(JSON.stringify(params));
  }
}

/** Which of the settings a task has of its own. */
function ownSettings(value: Entries): "none" | "executor" | "several" {
  let own: "none" | "executor" = "none";
  for (const key of SETTING_KEYS) {
    if (value[key] === undefined || value[key] === null) continue;
    if (key !== "executor") return "several";
    own = "executor";
  }
  return own;
}

function classKey({ executor, resources, priority, timeoutMs, retry }: TaskClass): string {
  const { cpusMilli, memoryBytes, gpusMilli, named } = resources;
  const numbers = `${cpusMilli},${memoryBytes},${gpusMilli},${priority},${timeoutMs}`;
  const repetitions = `${retry.limit},${retry.backoffMs},${retry.factor},${retry.maxMs},${retry.on?.join(" ") ?? "all"}`;
  return `${executor},${numbers},${repetitions},${JSON.stringify(named)}`;
}
