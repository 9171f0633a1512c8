/**
 * WfFormat 1.4 and 1.5 of WfCommons, recorded workflows, as a replay: each task occupies its slot for its recorded time and then
 * writes its output files with their recorded sizes, both scaled. `specification` and `execution` are apart in 1.5;
 * in 1.4 a task has all of it.
 */
import path from "node:path";
import { atValue, type FaultList, type Path } from "../fault.ts";
import type { ReadDocument } from "../reading.ts";
import { describe, type Entries, isEntries, numberOf, quoted, textOf } from "../scalar.ts";
import { escapePlaceholders } from "../placeholder.ts";
import { type ImportContext, type ImportedDocument, type ImportedTask, locateByTask } from "./importing.ts";
import { TaskNames } from "./taskNames.ts";

/** Whether the document can only be meant as one. */
export function isWfFormat(value: unknown): boolean {
  if (!isEntries(value) || value["tasks"] !== undefined || !isEntries(value["workflow"])) return false;
  const { workflow } = value;
  return (
    workflow["specification"] !== undefined ||
    Array.isArray(workflow["tasks"]) ||
    Array.isArray(workflow["jobs"]) ||
    value["schemaVersion"] !== undefined
  );
}

/** The JSON as it was read, as a document of replays; without value after faults that leave nothing to check. */
export function wfformatDocument(
  read: ReadDocument,
  context: ImportContext,
  faults: FaultList,
): ReadDocument {
  const recording = recordedTasks(read.value, faults);
  if (recording === null) return { value: undefined, locate: read.locate };
  const tasks = replayTasks(recording, context, faults);
  const name = isEntries(read.value) ? textOf(read.value["name"]) : null;
  const isNamed = name !== null && name.trim() !== "";
  const value: ImportedDocument = { ...(isNamed ? { name: oneLine(name) } : {}), tasks };
  const places = recording.map(({ path: at }) => atValue(at));
  return { value, locate: locateByTask(places, read.locate) };
}

interface RecordedTask {
  readonly path: Path;
  readonly name: string;
  /** What other tasks call it. */
  readonly keys: readonly string[];
  readonly parents: readonly string[];
  readonly children: readonly string[];
  readonly seconds: number;
  readonly cores: number | null;
  readonly outputs: readonly { readonly name: string; readonly bytes: number }[];
}

const FORMS = "WfFormat 1.5 has workflow.specification.tasks, 1.4 has workflow.tasks";

function recordedTasks(value: unknown, faults: FaultList): readonly RecordedTask[] | null {
  const workflow = isEntries(value) ? value["workflow"] : undefined;
  if (!isEntries(workflow)) {
    faults.add(atValue(["workflow"]), `This is no WfFormat: ${FORMS}.`);
    return null;
  }
  const { specification, execution } = workflow;
  const isSplit = isEntries(specification);
  // Before 1.4 they were called jobs.
  const key = workflow["tasks"] === undefined && workflow["jobs"] !== undefined ? "jobs" : "tasks";
  const tasks = isSplit ? specification["tasks"] : workflow[key];
  const at: Path = isSplit ? ["workflow", "specification", "tasks"] : ["workflow", key];
  if (!Array.isArray(tasks) || tasks.length === 0) {
    faults.add(atValue(at), `There are no tasks here: ${FORMS}.`);
    return null;
  }
  const runs = isSplit && isEntries(execution) ? byId(execution["tasks"]) : new Map<string, Entries>();
  const sizes = isSplit ? fileSizes(specification["files"]) : new Map<string, number>();
  const list: readonly unknown[] = tasks;
  return list.flatMap((task, index): RecordedTask[] => {
    if (isEntries(task)) return [recordedTask(task, [...at, index], runs, sizes, faults)];
    faults.add(atValue([...at, index]), `A task must be an object, found ${describe(task)}.`);
    return [];
  });
}

function recordedTask(
  task: Entries,
  at: Path,
  runs: ReadonlyMap<string, Entries>,
  sizes: ReadonlyMap<string, number>,
  faults: FaultList,
): RecordedTask {
  const [id, name] = [textOf(task["id"]), textOf(task["name"])];
  if (id === null && name === null) {
    faults.add(atValue(at), "This task has neither id nor name: give it one that no other task has.");
  }
  const run = runs.get(id ?? name ?? "") ?? task;
  const amount = (key: string, other: string): number | null => {
    const given = run[key] ?? run[other];
    if (given === undefined || given === null) return null;
    const number = numberOf(given);
    if (number !== null && number >= 0) return number;
    faults.add(
      atValue(run === task ? [...at, key] : at),
      `${key} must be a number of 0 or more, found ${describe(given)}.`,
    );
    return null;
  };
  return {
    path: at,
    name: id ?? name ?? "",
    keys: [id, name].filter((key) => key !== null),
    parents: names(task, "parents", at, faults),
    children: names(task, "children", at, faults),
    seconds: amount("runtimeInSeconds", "runtime") ?? 0,
    cores: amount("coreCount", "cores"),
    outputs: outputsOf(task, at, sizes, faults),
  };
}

function outputsOf(
  task: Entries,
  at: Path,
  sizes: ReadonlyMap<string, number>,
  faults: FaultList,
): RecordedTask["outputs"] {
  const files: unknown = task["files"];
  if (!Array.isArray(files)) {
    return names(task, "outputFiles", at, faults).map((name) => ({ name, bytes: sizes.get(name) ?? 0 }));
  }
  const list: readonly unknown[] = files;
  return list.flatMap((file) => {
    const name = isEntries(file) ? textOf(file["name"] ?? file["id"]) : null;
    if (!isEntries(file) || name === null || file["link"] !== "output") return [];
    return [{ name, bytes: numberOf(file["sizeInBytes"] ?? file["size"]) ?? 0 }];
  });
}

function names(task: Entries, key: string, at: Path, faults: FaultList): readonly string[] {
  const list: unknown = task[key];
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) {
    faults.add(atValue([...at, key]), `${key} must be a list of names, found ${describe(list)}.`);
    return [];
  }
  const items: readonly unknown[] = list;
  return items.flatMap((item, position) => {
    // Ids that are numbers are the same without quotes.
    const name = textOf(item);
    if (name !== null) return [name];
    faults.add(atValue([...at, key, position]), `${key} has names, found ${describe(item)}.`);
    return [];
  });
}

function byId(list: unknown): Map<string, Entries> {
  const found = new Map<string, Entries>();
  if (!Array.isArray(list)) return found;
  for (const item of list) if (isEntries(item)) found.set(textOf(item["id"]) ?? "", item);
  return found;
}

function fileSizes(list: unknown): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const [id, file] of byId(list)) sizes.set(id, numberOf(file["sizeInBytes"]) ?? 0);
  return sizes;
}

function replayTasks(
  recording: readonly RecordedTask[],
  context: ImportContext,
  faults: FaultList,
): readonly ImportedTask[] {
  const indexes = new Map<string, number>();
  // An id counts before a name, which several tasks may have.
  for (const [index, { keys }] of recording.entries()) {
    const [key] = keys;
    if (key === undefined) continue;
    const other = indexes.get(key);
    if (other === undefined) indexes.set(key, index);
    else
      faults.add(
        () => atValue(recording[index]?.path ?? []),
        () => `Another task is called ${quoted(key)} already: give each its own id.`,
      );
  }
  for (const [index, { keys }] of recording.entries()) {
    for (const key of keys.slice(1)) if (!indexes.has(key)) indexes.set(key, index);
  }
  const parents = parentsOf(recording, indexes, faults);
  const taken = new TaskNames();
  const taskNames = recording.map(({ name }) => taken.take(name));
  return recording.map((task, index): ImportedTask => {
    const depends = [...(parents[index] ?? [])].map((parent) => taskNames[parent] ?? "");
    return {
      name: taskNames[index] ?? "",
      ...(depends.length === 0 ? {} : { depends }),
      command: replay(task, context),
      ...(task.cores === null || task.cores <= 1 ? {} : { resources: { cpus: task.cores } }),
    };
  });
}

/** An edge may be told by either of its ends. */
function parentsOf(
  recording: readonly RecordedTask[],
  indexes: ReadonlyMap<string, number>,
  faults: FaultList,
): readonly ReadonlySet<number>[] {
  const parents = recording.map(() => new Set<number>());
  for (const [index, task] of recording.entries()) {
    for (const key of ["parents", "children"] as const) {
      for (const [position, name] of task[key].entries()) {
        const other = indexes.get(name);
        if (other === undefined) {
          faults.add(
            () => atValue([...task.path, key, position]),
            () => `There is no task ${quoted(name)}: add it, or take it out.`,
          );
        } else if (key === "parents") parents[index]?.add(other);
        else parents[other]?.add(index);
      }
    }
  }
  return parents;
}

function replay(task: RecordedTask, context: ImportContext): readonly string[] {
  const seconds = (task.seconds * context.timeScale).toFixed(6);
  const writes = task.outputs.flatMap(({ name, bytes }) => [
    "--write",
    escapePlaceholders(`${pathInFolder(name)}=${Math.round(bytes * context.sizeScale)}`),
  ]);
  return [...context.replayCommand, "--seconds", seconds, ...writes];
}

/** A recorded path may lead anywhere; a replay stays in the job's folder. */
function pathInFolder(name: string): string {
  const inside = path.posix.normalize(`/${name.replaceAll("\0", "_")}`).slice(1);
  return inside === "" || inside.endsWith("/") ? `${inside}file` : inside;
}

const oneLine = (name: string): string =>
  name.replace(/[\p{Cc}\p{Cs}\u2028-\u202e\u2066-\u2069]/gu, "_").slice(0, 256);
