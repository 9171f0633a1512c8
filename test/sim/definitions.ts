/**
 * Documents from a seed, and corrected ones. What they say of the order of tasks is worked out here as well, independently of the
 * planner, so that the node is judged by the document.
 */
import type { Resources } from "../../protocol/resources.ts";
import { compileWorkflow } from "../../src/workflow/compile.ts";
import { encodePlan } from "../../src/workflow/encodePlan.ts";
import type { Random } from "./random.ts";
import type { JobVersion, TaskScript, When } from "./scripts.ts";

/** How long tasks take. */
export type Pace = "quick" | "mixed" | "slow";

type Behaviour = Omit<TaskScript, "name" | "needs" | "when" | "identity">;

interface Dependency {
  readonly on: string;
  readonly same: boolean;
}

export interface Definition {
  readonly name: string;
  readonly count: number | null;
  readonly behaviour: Behaviour;
  readonly depends: readonly Dependency[];
  readonly when: When;
  /** Part of its command: another one makes another task. */
  readonly revision: number;
  readonly priority: number;
  readonly backoff: string;
}

export interface JobPolicy {
  readonly failFast: boolean;
  readonly maxRunning: number | null;
}

export const MIB = 1024 * 1024;

export function makeDefinitions(random: Random, capacity: Resources): readonly Definition[] {
  const pace = random.pick(["quick", "mixed", "slow"] as const);
  const definitions: Definition[] = [];
  const count = random.between(1, 7);
  for (let i = 0; i < count; i++) {
    definitions.push(makeDefinition(random, capacity, definitions, pace, `t${i}`));
  }
  return random.chance(0.4) ? [...definitions, ...makeRow(random, capacity, definitions)] : definitions;
}

/** Short tasks of one shape, each of which mostly waits for the one before alone: they are sent ahead, to follow each other. */
function makeRow(random: Random, capacity: Resources, others: readonly Definition[]): readonly Definition[] {
  const resources = { ...makeBehaviour(random, capacity, "quick").resources, gpusMilli: 0 };
  const failing = random.pick([0, 0.02, 0.2]);
  return Array.from({ length: random.between(3, 25) }, (_, i): Definition => {
    const behaviour = {
      ...makeBehaviour(random, capacity, random.chance(0.95) ? "quick" : "slow"),
      resources,
    };
    const other = random.chance(0.1) ? (others[random.between(0, others.length - 1)]?.name ?? null) : null;
    const names = [...(i === 0 ? [] : [`r${i - 1}`]), ...(other === null ? [] : [other])];
    return {
      name: `r${i}`,
      count: null,
      behaviour: random.chance(failing)
        ? behaviour
        : { ...behaviour, kind: "shell", failures: 0, forgets: 0 },
      depends: names.map((on) => ({ on, same: false })),
      when: names.length > 0 && random.chance(0.05) ? random.pick(["failure", "always"]) : "success",
      revision: 1,
      priority: 0,
      backoff: random.pick(["0s", "20ms"]),
    };
  });
}

/** Mostly an ordinary task: one cpu, and nothing else. */
export function makeSingle(random: Random, capacity: Resources): readonly Definition[] {
  const pace = random.pick(["quick", "quick", "mixed", "slow"] as const);
  const found = makeDefinition(random, capacity, [], pace, "t0");
  if (random.chance(0.1)) return [found];
  const resources = { cpusMilli: 1000, memoryBytes: 0, gpusMilli: 0, named: {} };
  const behaviour: Behaviour = { ...found.behaviour, kind: "shell", resources };
  return [{ ...found, count: null, priority: 0, behaviour }];
}

function makeDefinition(
  random: Random,
  capacity: Resources,
  earlier: readonly Definition[],
  pace: Pace,
  name: string,
): Definition {
  const count = random.chance(0.5) ? random.between(2, 8) : null;
  const depends = earlier.flatMap((other) => {
    if (!random.chance(1.2 / earlier.length)) return [];
    return [{ on: other.name, same: count !== null && count === other.count && random.chance(0.5) }];
  });
  const behaviour = makeBehaviour(random, capacity, pace);
  return {
    name,
    count,
    behaviour,
    depends,
    when:
      depends.length === 0 ? "success" : random.pick(["success", "success", "success", "failure", "always"]),
    revision: 1,
    priority: random.chance(0.2) ? random.between(-3, 3) : 0,
    backoff: random.pick(["0s", "20ms", "1s", "8s"]),
  };
}

function makeBehaviour(random: Random, capacity: Resources, pace: Pace): Behaviour {
  const slow = pace === "slow" || (pace === "mixed" && random.chance(0.3));
  const durationMs = slow ? random.between(100, 12_000) : random.between(1, 30);
  const kind = random.chance(0.15) ? "noop" : "shell";
  const isWide = random.chance(0.25);
  const promises = kind === "shell" && random.chance(0.15);
  return {
    kind,
    durationMs,
    resources: {
      cpusMilli: isWide ? capacity.cpusMilli : random.pick([1000, 1000, 1000, 500, 0]),
      memoryBytes: random.chance(0.2) ? MIB * random.pick([200, 500, 1000]) : 0,
      gpusMilli: capacity.gpusMilli > 0 && random.chance(0.2) ? random.pick([500, 1000]) : 0,
      named: {},
    },
    failures: kind === "shell" && random.chance(0.25) ? random.between(1, 3) : 0,
    promises,
    forgets: promises && random.chance(0.4) ? random.between(1, 2) : 0,
    retryLimit: random.pick([0, 0, 1, 2, 3]),
    timeoutMs: kind === "shell" && random.chance(0.15) ? random.pick([50, 500, 3000]) : null,
    onTerm: random.pick(["dies", "dies", "exitsZero", "ignores"]),
  };
}

/** As a user would mend it: what fails no more, arrays of another length, some left out, a new one, which moves all the numbers. */
export function correct(
  random: Random,
  capacity: Resources,
  before: readonly Definition[],
  round: number,
): readonly Definition[] {
  const isNeeded = (name: string): boolean =>
    before.some(({ depends }) => depends.some(({ on }) => on === name));
  const [head, ...tail] = before;
  const kept = tail.filter(({ name }) => isNeeded(name) || !random.chance(0.2));
  const fresh = random.chance(0.4) ? [makeDefinition(random, capacity, [], "quick", `n${round}`)] : [];
  const all = head === undefined ? kept : [head, ...kept];
  return [...fresh, ...all.map((definition) => mend(random, definition, all))];
}

function mend(random: Random, definition: Definition, all: readonly Definition[]): Definition {
  const { name, count, depends, revision, behaviour } = definition;
  const isPaired =
    depends.some(({ same }) => same) ||
    all.some((other) => other.depends.some(({ on, same }) => same && on === name));
  const isMended = random.chance(0.4);
  const isResized = count !== null && !isPaired && random.chance(0.2);
  return {
    ...definition,
    count: isResized ? random.between(2, 8) : count,
    ...(isMended ? { revision: revision + 1, behaviour: { ...behaviour, failures: 0, forgets: 0 } } : {}),
  };
}

export function buildVersion(
  name: string,
  definitions: readonly Definition[],
  policy: JobPolicy,
  capacity: Resources,
): JobVersion {
  const { failFast, maxRunning } = policy;
  const text = JSON.stringify({
    name,
    ...(failFast ? { failFast } : {}),
    ...(maxRunning === null ? {} : { maxRunning }),
    tasks: definitions.map(entryOf),
  });
  const document = Buffer.from(text);
  const compiled = compileWorkflow(document, "sim.json", { capacity });
  if (compiled.type === "invalid")
    throw new Error(`the generator made a fault: ${JSON.stringify(compiled.faults)}`);
  return { document, plan: encodePlan(compiled.plan), tasks: expand(definitions), failFast, maxRunning };
}

const dependsOf = ({ on, same }: Dependency): unknown => (same ? { task: on, same: "index" } : on);

const runOf = ({ name, revision, behaviour }: Definition): Readonly<Record<string, unknown>> =>
  behaviour.kind === "noop" ? { executor: "noop" } : { command: ["run", name, String(revision)] };

function entryOf(definition: Definition): Readonly<Record<string, unknown>> {
  const { name, count, depends, when, behaviour, priority, backoff } = definition;
  const { resources, timeoutMs, retryLimit, promises } = behaviour;
  return {
    name,
    ...(count === null ? {} : { foreach: { i: { range: [1, count] } } }),
    ...(depends.length === 0 ? {} : { depends: depends.map(dependsOf), when }),
    ...runOf(definition),
    ...(promises ? { outputs: [`made-by-${name}`] } : {}),
    resources: {
      cpus: resources.cpusMilli / 1000,
      memory: resources.memoryBytes,
      ...(resources.gpusMilli === 0 ? {} : { gpus: resources.gpusMilli / 1000 }),
    },
    priority,
    ...(timeoutMs === null ? {} : { timeout: `${timeoutMs}ms` }),
    retry: { limit: retryLimit, backoff, factor: 2, max: "20s" },
  };
}

function expand(definitions: readonly Definition[]): readonly TaskScript[] {
  const places = new Map<string, { readonly first: number; readonly count: number }>();
  const tasks: TaskScript[] = [];
  for (const definition of definitions) {
    const { name, count, behaviour, depends, when } = definition;
    const identity = JSON.stringify([
      runOf(definition),
      behaviour.promises,
      when,
      depends.map((one) => JSON.stringify(dependsOf(one))).toSorted(),
    ]);
    places.set(name, { first: tasks.length, count: count ?? 1 });
    for (let i = 0; i < (count ?? 1); i++) {
      const needs = depends.flatMap(({ on, same }) => {
        const { first, count: elements } = places.get(on) ?? { first: 0, count: 0 };
        return same ? [first + i] : Array.from({ length: elements }, (_, element) => first + element);
      });
      tasks.push({ ...behaviour, name: count === null ? name : `${name}[${i + 1}]`, needs, when, identity });
    }
  }
  return tasks;
}
