/**
 * A plan is a checked workflow in the form in which it is stored and run: columns instead of objects, so that a million
 * tasks cost megabytes and one allocation each.
 *
 * A definition is one entry of the document: a single task or a task array. Tasks are numbered through: definition `d` has
 * the tasks `firstTask[d]` to `firstTask[d + 1] - 1`. Edges join definitions, as compressed sparse rows: a dependency on an
 * array of n by an array of m is one edge, not n × m.
 */
import type { Resources } from "../../protocol/resources.ts";

/** How an edge binds the tasks of its two definitions. */
export const EDGE_ALL = 0; // every element waits for all elements
export const EDGE_SAME = 1; // element i waits for element i

/** When a task runs, by how what it depends on ended. */
export const WHEN_SUCCESS = 0; // all of it succeeded
export const WHEN_FAILURE = 1; // all of it has ended, something without success
export const WHEN_ALWAYS = 2; // all of it has ended

/** The part of a plan that decides: all that the QWorker's core sees. */
/** The part of a graph that is stored as it is. */
export interface PlanTables {
  readonly definitionCount: number;
  readonly taskCount: number;
  /** definitionCount + 1 entries. */
  readonly firstTask: Uint32Array;
  /** Incoming edges of each definition; each of its tasks has so many dependencies to wait for. */
  readonly needs: Uint32Array;
  /** Outgoing edges of definition d: `dependents[dependentOffsets[d] … dependentOffsets[d + 1] - 1]`. */
  readonly dependentOffsets: Uint32Array;
  readonly dependents: Uint32Array;
  readonly dependentKinds: Uint8Array;
  /** Index into `classes` of each definition. */
  readonly definitionClass: Uint32Array;
  /** For arrays whose elements differ in class (a placeholder in resources or timeout): the class of each element. */
  readonly elementClasses: ReadonlyMap<number, Uint32Array>;
  readonly classes: readonly TaskClass[];
  /** `WHEN_…` of each definition. */
  readonly when: Uint8Array;
  /** Attempts of the job that may run at a time; null is as many as there are slots. */
  readonly maxRunning: number | null;
  /** The first task that fails for good ends the job. */
  readonly failFast: boolean;
}

export interface PlanGraph extends PlanTables {
  /** Whether the tasks of a definition promise outputs: then their exit with 0 is no success before those were looked for. */
  readonly promisesOutputs: (definition: number) => boolean;
}

/** What the scheduler has to know of a task; tasks that agree in it share one. Most workflows have fewer than ten. */
export interface TaskClass {
  readonly executor: "shell" | "noop";
  readonly resources: Resources;
  /** Added to the job's. Higher goes first. */
  readonly priority: number;
  readonly timeoutMs: number | null;
  readonly retry: RetryPolicy;
}

/** The wait before repetition n (from 1) is `min(backoffMs × factor^(n-1), maxMs)`. */
export interface RetryPolicy {
  /** Repetitions after the first attempt. */
  readonly limit: number;
  /** Exit codes, names of signals, `timeout`, `outputs`: after other ends there is no repetition. Null is after all. */
  readonly on: readonly (number | string)[] | null;
  readonly backoffMs: number;
  readonly factor: number;
  readonly maxMs: number;
}

/** What runs, placeholders filled. Fields as in protocol/executorLink's shell attempt. */
export interface ResolvedTask {
  readonly name: string;
  readonly command: string | readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string | null;
  readonly workdir: string | null;
  /** Null where the task says nothing of files. */
  readonly files: {
    readonly stdout: string | null;
    readonly stderr: string | null;
    readonly outputs: readonly string[];
  } | null;
}

export interface Plan {
  readonly name: string | null;
  readonly graph: PlanGraph;
  /** `name`, or `name[i]` for element i (from 1) of an array. */
  taskName(task: number): string;
  /** The index of the task of this name, or null. */
  findTask(name: string): number | null;
  /** The body of a task of kind shell, with the document's `env` under its own. */
  resolve(task: number): ResolvedTask;
  /** The file that a stream of the task goes to, relative to the job's folder or absolute; null where it is captured. */
  streamFile(task: number, stream: "stdout" | "stderr"): string | null;
}
