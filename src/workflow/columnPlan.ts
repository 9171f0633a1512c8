/** The plan over its columns: nothing is decoded before it is asked for. */
import { QrewError } from "../../protocol/errors.ts";
import type { TaskParams } from "./document.ts";
import { fill, type Filling, mayHavePlaceholders } from "./placeholder.ts";
import type { Plan, PlanGraph, PlanTables, ResolvedTask } from "./plan.ts";
import { isEntries } from "./scalar.ts";
import { type TextColumn, textAt, TextIndex } from "./textColumn.ts";

type Variables = Readonly<Record<string, string>>;

export interface PlanColumns {
  readonly name: string | null;
  /** Of every task: the document's `env`, and the params of its defaults with placeholders unfilled. */
  readonly env: Variables;
  readonly defaultParams: TaskParams;
  readonly graph: PlanTables;
  /** Names of the definitions. */
  readonly names: TextColumn;
  /** Different commands, as JSON text, and the command of each definition. */
  readonly commands: TextColumn;
  readonly commandOf: Uint32Array;
  /** Different params, as JSON text, and the params of each definition. */
  readonly params: TextColumn;
  readonly paramsOf: Uint32Array;
  /** The definitions that are arrays, ascending. */
  readonly arrays: Uint32Array;
  /** Array a has the axes `firstAxes[a] … firstAxes[a + 1] - 1`; the last one changes fastest. */
  readonly firstAxes: Uint32Array;
  /** Names of the axes, and how many values each has. */
  readonly axes: TextColumn;
  readonly axisCounts: Uint32Array;
  /** Start and step of each axis over a range. */
  readonly rangeStarts: Float64Array;
  readonly rangeSteps: Float64Array;
  /** The first value of each axis over a list, in `values`; NO_VALUES for a range. */
  readonly firstValues: Uint32Array;
  readonly values: TextColumn;
}

export const NO_VALUES = 0xffff_ffff;

export class ColumnPlan implements Plan {
  readonly columns: PlanColumns;
  readonly graph: PlanGraph;
  #index: TextIndex | null = null;
  #lastParams: ParamsAt | null = null;
  #lastCommand: CommandAt | null = null;
  /** Whether the defaults have placeholders; null until somebody asks. */
  #defaultsVary: boolean | null = null;

  constructor(columns: PlanColumns) {
    this.columns = columns;
    const promisesOutputs = (definition: number): boolean => this.#promisesOutputs(definition);
    this.graph = graphOf(columns.graph, promisesOutputs);
  }

  get name(): string | null {
    return this.columns.name;
  }

  taskName(task: number): string {
    const definition = this.#definitionOf(task);
    const name = textAt(this.columns.names, definition);
    if (this.#arrayOf(definition) === null) return name;
    return `${name}[${task - (this.graph.firstTask[definition] ?? 0) + 1}]`;
  }

  findTask(name: string): number | null {
    this.#index ??= new TextIndex(this.columns.names);
    const element = /^(.+)\[([1-9]\d{0,9})\]$/s.exec(name);
    const definition = this.#index.find(element?.[1] ?? name);
    if (definition === null || (element === null) !== (this.#arrayOf(definition) === null)) return null;
    const task = (this.graph.firstTask[definition] ?? 0) + (element === null ? 0 : Number(element[2]) - 1);
    return task < (this.graph.firstTask[definition + 1] ?? 0) ? task : null;
  }

  resolve(task: number): ResolvedTask {
    const { columns } = this;
    const definition = this.#definitionOf(task);
    const { command, varies } = this.#commandAt(columns.commandOf[definition] ?? 0);
    const { params, ...own } = this.#paramsAt(columns.paramsOf[definition] ?? 0);
    this.#defaultsVary ??= mayHavePlaceholders(JSON.stringify(columns.defaultParams));
    const varying = varies || own.vary || this.#defaultsVary;
    const filling = varying ? this.#filling(definition, task) : null;
    const stdin = params.stdin ?? columns.defaultParams.stdin;
    const workdir = params.workdir ?? columns.defaultParams.workdir;
    return {
      name: this.taskName(task),
      command: varies ? fillCommand(command, filling) : command,
      env: own.vary || this.#defaultsVary ? this.#environment(params, filling) : own.env,
      stdin: stdin === null ? null : fill(stdin, filling),
      workdir: workdir === null ? null : fill(workdir, filling),
      files: filesOf(params, columns.defaultParams, filling),
    };
  }

  streamFile(task: number, stream: "stdout" | "stderr"): string | null {
    const { defaultParams, paramsOf } = this.columns;
    const definition = this.#definitionOf(task);
    const { params } = this.#paramsAt(paramsOf[definition] ?? 0);
    const file = params[stream] ?? defaultParams[stream];
    if (file === null) return null;
    const filling = this.#filling(definition, task);
    const workdir = params.workdir ?? defaultParams.workdir;
    const path = fill(file, filling);
    return path.startsWith("/") || workdir === null ? path : `${fill(workdir, filling)}/${path}`;
  }

  #promisesOutputs(definition: number): boolean {
    const { outputs } = this.#paramsAt(this.columns.paramsOf[definition] ?? 0).params;
    return (outputs ?? this.columns.defaultParams.outputs ?? []).length > 0;
  }

  #definitionOf(task: number): number {
    const { firstTask, taskCount, definitionCount } = this.graph;
    if (!Number.isInteger(task) || task < 0 || task >= taskCount) {
      throw new QrewError("notFound", `The job has no task number ${task}; it has ${taskCount} tasks.`);
    }
    return taskCount === definitionCount ? task : lastAtMost(firstTask, definitionCount, task);
  }

  /** The number of the array that this definition is, or null for a single task. */
  #arrayOf(definition: number): number | null {
    const { arrays } = this.columns;
    if (arrays.length === 0) return null;
    const place = lastAtMost(arrays, arrays.length, definition);
    return arrays[place] === definition ? place : null;
  }

  #filling(definition: number, task: number): Filling | null {
    const array = this.#arrayOf(definition);
    if (array === null) return null;
    const { axes, axisCounts, firstAxes } = this.columns;
    const filling: { readonly axis: string; readonly value: string }[] = [];
    let left = task - (this.graph.firstTask[definition] ?? 0);
    for (let axis = (firstAxes[array + 1] ?? 0) - 1; axis >= (firstAxes[array] ?? 0); axis -= 1) {
      const count = axisCounts[axis] ?? 1;
      filling.push({ axis: textAt(axes, axis), value: this.#axisValue(axis, left % count) });
      left = Math.floor(left / count);
    }
    return filling;
  }

  #axisValue(axis: number, position: number): string {
    const { firstValues, rangeStarts, rangeSteps, values } = this.columns;
    const first = firstValues[axis] ?? NO_VALUES;
    if (first !== NO_VALUES) return textAt(values, first + position);
    return String((rangeStarts[axis] ?? 0) + position * (rangeSteps[axis] ?? 1));
  }

  #environment({ env }: TaskParams, filling: Filling | null): Variables {
    const { columns } = this;
    const variables: [string, string][] = Object.entries(columns.env);
    for (const [key, value] of Object.entries(columns.defaultParams.env))
      variables.push([key, fill(value, filling)]);
    for (const [key, value] of Object.entries(env)) variables.push([key, fill(value, filling)]);
    return Object.fromEntries(variables);
  }

  /** Neighbours mostly share their command and params, so the last ones are kept. */
  #commandAt(number: number): CommandAt {
    if (this.#lastCommand?.number === number) return this.#lastCommand;
    const text = textAt(this.columns.commands, number);
    this.#lastCommand = { number, command: parseCommand(text), varies: mayHavePlaceholders(text) };
    return this.#lastCommand;
  }

  #paramsAt(number: number): ParamsAt {
    if (this.#lastParams?.number === number) return this.#lastParams;
    const text = textAt(this.columns.params, number);
    const params = parseParams(text);
    const env = this.#environment(params, null);
    this.#lastParams = { number, params, vary: mayHavePlaceholders(text), env };
    return this.#lastParams;
  }
}

/**
 * Written out: what a spread makes has a shape that no other object has (V8 11), and each of the many places that read a graph would look
 * its names up anew for each job.
 */
const graphOf = (tables: PlanTables, promisesOutputs: PlanGraph["promisesOutputs"]): PlanGraph => ({
  definitionCount: tables.definitionCount,
  taskCount: tables.taskCount,
  firstTask: tables.firstTask,
  needs: tables.needs,
  dependentOffsets: tables.dependentOffsets,
  dependents: tables.dependents,
  dependentKinds: tables.dependentKinds,
  definitionClass: tables.definitionClass,
  elementClasses: tables.elementClasses,
  classes: tables.classes,
  when: tables.when,
  maxRunning: tables.maxRunning,
  failFast: tables.failFast,
  promisesOutputs,
});

interface CommandAt {
  readonly number: number;
  readonly command: string | readonly string[];
  /** It may have placeholders. */
  readonly varies: boolean;
}

interface ParamsAt {
  readonly number: number;
  readonly params: TaskParams;
  readonly vary: boolean;
  /** That of the tasks, where nothing varies. */
  readonly env: Variables;
}

const fillCommand = (
  command: string | readonly string[],
  filling: Filling | null,
): string | readonly string[] =>
  typeof command === "string" ? fill(command, filling) : command.map((text) => fill(text, filling));

function filesOf(own: TaskParams, defaults: TaskParams, filling: Filling | null): ResolvedTask["files"] {
  const stdout = own.stdout ?? defaults.stdout;
  const stderr = own.stderr ?? defaults.stderr;
  const outputs = own.outputs ?? defaults.outputs ?? [];
  if (stdout === null && stderr === null && outputs.length === 0) return null;
  return {
    stdout: stdout === null ? null : fill(stdout, filling),
    stderr: stderr === null ? null : fill(stderr, filling),
    outputs: outputs.map((text) => fill(text, filling)),
  };
}

/** The place of the last of the ascending numbers that is at most `wanted`; 0 if none is. */
function lastAtMost(numbers: Uint32Array, count: number, wanted: number): number {
  let low = 0;
  let high = count;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] ?? 0) <= wanted) low = middle;
    else high = middle;
  }
  return low;
}

function parseCommand(text: string): string | readonly string[] {
  const value = parseJson(text);
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  throw damaged("a command is neither text nor a list of texts");
}

function parseParams(text: string): TaskParams {
  const value = parseJson(text);
  if (!isEntries(value) || !isEntries(value["env"])) throw damaged("params are no object");
  const { env, stdin, workdir, stdout, stderr, outputs } = value;
  const variables = Object.entries(env).map(([key, item]): [string, string] => [key, textIn(item)]);
  return {
    env: Object.fromEntries(variables),
    stdin: textOrNull(stdin),
    workdir: textOrNull(workdir),
    stdout: textOrNull(stdout),
    stderr: textOrNull(stderr),
    outputs: outputs === null ? null : listIn(outputs),
  };
}

const textOrNull = (value: unknown): string | null => (value === null ? null : textIn(value));

function listIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.map(textIn);
  throw damaged("params have no list where one should be");
}

function textIn(value: unknown): string {
  if (typeof value === "string") return value;
  throw damaged("params have something that is no text");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged("a text is no JSON");
  }
}

export const damaged = (what: string): QrewError =>
  new QrewError("storeDamaged", `The plan of the job is damaged (${what}): submit the workflow again.`);
