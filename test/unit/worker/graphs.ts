/** Small plans for tests: `{ a: [], b: ["a"] }`, arrays by `count`, and `same:a` for an edge between equal indices. */
import { assert } from "../../../protocol/errors.ts";
import type { Resources } from "../../../protocol/resources.ts";
import {
  EDGE_ALL,
  EDGE_SAME,
  type PlanGraph,
  type RetryPolicy,
  type TaskClass,
} from "../../../src/workflow/plan.ts";

export interface DefinitionSpec extends Partial<Omit<TaskClass, "retry">> {
  /** Without `on`: after any end. */
  readonly retry?: Omit<RetryPolicy, "on"> & Partial<Pick<RetryPolicy, "on">>;
  readonly needs?: readonly string[];
  readonly when?: "success" | "failure" | "always";
  /** It promises outputs. */
  readonly outputs?: boolean;
  /** Elements of a task array; absent is a single task. */
  readonly count?: number;
}

export type PlanSpec = Readonly<Record<string, readonly string[] | DefinitionSpec>>;

export interface SmallPlan {
  readonly graph: PlanGraph;
  /** `name`, or `name[i]` from 1. */
  readonly names: readonly string[];
}

export const cpus = (count: number, others: Partial<Resources> = {}): Resources => ({
  cpusMilli: count * 1000,
  memoryBytes: 0,
  gpusMilli: 0,
  named: {},
  ...others,
});

const PLAIN: TaskClass = {
  executor: "shell",
  resources: cpus(1),
  priority: 0,
  timeoutMs: null,
  retry: { limit: 0, on: null, backoffMs: 0, factor: 1, maxMs: 0 },
};

/** What a document says of the whole job. */
type Policy = Pick<PlanGraph, "maxRunning" | "failFast">;

const USUAL: Policy = { maxRunning: null, failFast: false };

const WHENS = ["success", "failure", "always"];

interface Edge {
  readonly from: number;
  readonly to: number;
  readonly kind: number;
}

export function smallPlan(spec: PlanSpec, policy: Partial<Policy> = {}): SmallPlan {
  const definitions = Object.entries(spec).map(([name, given]) => ({ name, ...asDefinition(given) }));
  const indexOf = new Map(definitions.map(({ name }, index) => [name, index]));
  const edges = definitions.flatMap(({ needs }, to) =>
    (needs ?? []).map((need): Edge => {
      const same = need.startsWith("same:");
      const from = indexOf.get(same ? need.slice("same:".length) : need);
      assert(from !== undefined, `${need} is a definition of this plan`);
      return { from, to, kind: same ? EDGE_SAME : EDGE_ALL };
    }),
  );
  const byOrigin = edges.toSorted((a, b) => a.from - b.from);
  const names: string[] = [];
  const firstTask: number[] = [];
  for (const { name, count } of definitions) {
    firstTask.push(names.length);
    if (count === undefined) names.push(name);
    else for (let i = 1; i <= count; i++) names.push(`${name}[${i}]`);
  }
  firstTask.push(names.length);
  const { classes, classOf } = classesOf(definitions);
  const offsets = [...definitions, null].map((_, d) => byOrigin.filter(({ from }) => from < d).length);
  const graph: PlanGraph = {
    definitionCount: definitions.length,
    taskCount: names.length,
    firstTask: Uint32Array.from(firstTask),
    needs: Uint32Array.from(definitions, ({ needs }) => needs?.length ?? 0),
    dependentOffsets: Uint32Array.from(offsets),
    dependents: Uint32Array.from(byOrigin, ({ to }) => to),
    dependentKinds: Uint8Array.from(byOrigin, ({ kind }) => kind),
    definitionClass: Uint32Array.from(classOf),
    elementClasses: new Map(),
    classes,
    when: Uint8Array.from(definitions, ({ when }) => WHENS.indexOf(when ?? "success")),
    promisesOutputs: (definition) => definitions[definition]?.outputs === true,
    ...USUAL,
    ...policy,
  };
  return { graph, names };
}

/** A chain of `length` tasks `0`, `1`, … without the cost of the general builder. */
export function chainPlan(length: number): SmallPlan {
  const tasks = Array.from({ length }, (_, i) => i);
  const graph: PlanGraph = {
    definitionCount: length,
    taskCount: length,
    firstTask: Uint32Array.from([...tasks, length]),
    needs: Uint32Array.from(tasks, (i) => (i === 0 ? 0 : 1)),
    dependentOffsets: Uint32Array.from([...tasks, length - 1]),
    dependents: Uint32Array.from(tasks.slice(1)),
    dependentKinds: new Uint8Array(length - 1),
    definitionClass: new Uint32Array(length),
    elementClasses: new Map(),
    classes: [PLAIN],
    when: new Uint8Array(length),
    promisesOutputs: () => false,
    ...USUAL,
  };
  return { graph, names: tasks.map(String) };
}

const isList = (given: readonly string[] | DefinitionSpec): given is readonly string[] =>
  Array.isArray(given);

const asDefinition = (given: readonly string[] | DefinitionSpec): DefinitionSpec =>
  isList(given) ? { needs: given } : given;

function classesOf(definitions: readonly DefinitionSpec[]): { classes: TaskClass[]; classOf: number[] } {
  const classes: TaskClass[] = [];
  const keys: string[] = [];
  const classOf = definitions.map((definition) => {
    const { executor, resources, priority, timeoutMs } = { ...PLAIN, ...definition };
    const retry = { ...PLAIN.retry, ...definition.retry };
    const taskClass = { executor, resources, priority, timeoutMs, retry };
    const key = JSON.stringify(taskClass);
    if (!keys.includes(key)) {
      keys.push(key);
      classes.push(taskClass);
    }
    return keys.indexOf(key);
  });
  return { classes, classOf };
}
