/** A checked workflow document: what `checkDocument` makes and `planDocument` turns into columns. */
import type { Foreach } from "./foreach.ts";
import type { Path } from "./fault.ts";
import type { TaskClass } from "./plan.ts";

export interface WorkflowDocument {
  readonly name: string | null;
  /** Of every task, under its own. No placeholders. */
  readonly env: Readonly<Record<string, string>>;
  /** Under the params of every task. */
  readonly defaultParams: TaskParams;
  readonly definitions: readonly Definition[];
  /** Where the list of tasks stands in the document, for faults found later. */
  readonly tasksPath: Path;
  readonly classes: readonly TaskClass[];
  /** Class of each element, for definitions whose elements differ. */
  readonly elementClasses: ReadonlyMap<number, Uint32Array>;
  /** Different params, as JSON text of a TaskParams. */
  readonly params: readonly string[];
  /** Tasks, arrays expanded. */
  readonly taskCount: number;
  readonly maxRunning: number | null;
  readonly failFast: boolean;
}

/** What the params of a task may set, placeholders unfilled; null where it sets nothing. */
export interface TaskParams {
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string | null;
  readonly workdir: string | null;
  /** Files that the streams go to. */
  readonly stdout: string | null;
  readonly stderr: string | null;
  /** Paths and patterns that have to be there in the end. */
  readonly outputs: readonly string[] | null;
}

/** One entry of the document: a task, or a task array. */
export interface Definition {
  /** Empty where the document's is unusable; a fault says so. */
  readonly name: string;
  readonly depends: readonly Dependency[];
  /** `WHEN_…` of plan.ts. */
  readonly when: number;
  readonly foreach: Foreach | null;
  /** Empty text for kind noop. */
  readonly command: string | readonly string[];
  readonly classIndex: number;
  /** Index into `params`. */
  readonly paramsIndex: number;
}

/** The name of a definition to wait for, all of it or the element of the same index. An empty name is a fault told already. */
export type Dependency = string | { readonly same: string };

export const dependencyName = (dependency: Dependency): string =>
  typeof dependency === "string" ? dependency : dependency.same;

export const elementCount = (definition: Definition): number => definition.foreach?.count ?? 1;
