/**
 * Jobs from a seed: the document that a user would submit, and the script by which its tasks behave. The script also says who
 * depends on whom, independently of the planner, so that the order of starts is judged by what the document says.
 */
import type { Resources } from "../../protocol/resources.ts";
import { compileWorkflow } from "../../src/workflow/compile.ts";
import { encodePlan } from "../../src/workflow/encodePlan.ts";
import type { Random } from "./random.ts";

/** How a task's process behaves. */
export interface TaskScript {
  readonly name: string;
  /** Indices of the tasks that have to succeed before. */
  readonly needs: readonly number[];
  readonly kind: "shell" | "noop";
  readonly resources: Resources;
  readonly durationMs: number;
  /** Attempts that end by the task's own fault before one succeeds. */
  readonly failures: number;
  readonly retryLimit: number;
  readonly timeoutMs: number | null;
  /** On SIGTERM: ends of it, ends with 0, or does not heed it. */
  readonly onTerm: "dies" | "exitsZero" | "ignores";
}

export interface JobScript {
  /** The job's name, by which it is known again. */
  readonly name: string;
  readonly document: Uint8Array;
  readonly plan: Uint8Array;
  readonly tasks: readonly TaskScript[];
  readonly priority: number;
  readonly submitAtMs: number;
  readonly cancelAtMs: number | null;
  /** Under a key, what is submitted again is one job. */
  readonly key: string | null;
  readonly pause: PauseScript | null;
}

export interface PauseScript {
  readonly mode: "hold" | "stop";
  readonly fromMs: number;
  readonly untilMs: number;
}

interface Definition {
  readonly name: string;
  readonly count: number | null;
  readonly script: Omit<TaskScript, "name" | "needs">;
  readonly depends: readonly { readonly on: number; readonly same: boolean }[];
  readonly entry: Readonly<Record<string, unknown>>;
}

const MIB = 1024 * 1024;

export function makeCapacity(random: Random): Resources {
  return {
    cpusMilli: 1000 * random.between(1, 5),
    memoryBytes: 1024 * MIB,
    gpusMilli: random.chance(0.3) ? 1000 : 0,
    named: {},
  };
}

export function makeJobs(random: Random, capacity: Resources): readonly JobScript[] {
  const count = random.pick([1, 1, 2, 2, 3, 4]);
  return Array.from({ length: count }, (_, i) => makeJob(random.fork(`job ${i}`), capacity, `job-${i}`));
}

function makeJob(random: Random, capacity: Resources, name: string): JobScript {
  const pace = random.pick(["quick", "mixed", "slow"] as const);
  const definitions: Definition[] = [];
  const count = random.between(1, 7);
  for (let i = 0; i < count; i++) definitions.push(makeDefinition(random, capacity, definitions, pace));
  const document = Buffer.from(JSON.stringify({ name, tasks: definitions.map(({ entry }) => entry) }));
  const compiled = compileWorkflow(document, "sim.json", { capacity });
  if (compiled.type === "invalid")
    throw new Error(`the generator made a fault: ${JSON.stringify(compiled.faults)}`);
  const submitAtMs = random.chance(0.6) ? random.between(0, 500) : random.between(0, 20_000);
  return {
    name,
    document,
    plan: encodePlan(compiled.plan),
    tasks: expand(definitions),
    priority: random.chance(0.3) ? random.between(-2, 2) : 0,
    submitAtMs,
    key: random.chance(0.5) ? `key of ${name}` : null,
    pause: random.chance(0.15) ? makePause(random, submitAtMs) : null,
    cancelAtMs: random.chance(0.2) ? submitAtMs + random.between(0, 15_000) : null,
  };
}

function makePause(random: Random, submitAtMs: number): PauseScript {
  const fromMs = submitAtMs + random.between(0, 8000);
  return { mode: random.pick(["hold", "stop"]), fromMs, untilMs: fromMs + random.between(0, 30_000) };
}

function makeDefinition(
  random: Random,
  capacity: Resources,
  earlier: readonly Definition[],
  pace: "quick" | "mixed" | "slow",
): Definition {
  const name = `t${earlier.length}`;
  const count = random.chance(0.5) ? random.between(2, 8) : null;
  const depends = earlier.flatMap((other, on) => {
    if (!random.chance(1.2 / earlier.length)) return [];
    return [{ on, same: count !== null && count === other.count && random.chance(0.5) }];
  });
  const script = makeScript(random, capacity, pace);
  const entry = {
    name,
    ...(count === null ? {} : { foreach: { i: { range: [1, count] } } }),
    ...(depends.length === 0
      ? {}
      : {
          depends: depends.map(({ on, same }) => (same ? { task: `t${on}`, same: "index" } : `t${on}`)),
        }),
    ...(script.kind === "noop" ? { executor: "noop" } : { command: ["run", name] }),
    resources: {
      cpus: script.resources.cpusMilli / 1000,
      memory: script.resources.memoryBytes,
      ...(script.resources.gpusMilli === 0 ? {} : { gpus: script.resources.gpusMilli / 1000 }),
    },
    priority: random.chance(0.2) ? random.between(-3, 3) : 0,
    ...(script.timeoutMs === null ? {} : { timeout: `${script.timeoutMs}ms` }),
    retry: {
      limit: script.retryLimit,
      backoff: random.pick(["0s", "20ms", "1s", "8s"]),
      factor: 2,
      max: "20s",
    },
  };
  return { name, count, script, depends, entry };
}

function makeScript(
  random: Random,
  capacity: Resources,
  pace: "quick" | "mixed" | "slow",
): Omit<TaskScript, "name" | "needs"> {
  const slow = pace === "slow" || (pace === "mixed" && random.chance(0.3));
  const durationMs = slow ? random.between(100, 12_000) : random.between(1, 30);
  const kind = random.chance(0.15) ? "noop" : "shell";
  const isWide = random.chance(0.25);
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
    retryLimit: random.pick([0, 0, 1, 2, 3]),
    timeoutMs: kind === "shell" && random.chance(0.15) ? random.pick([50, 500, 3000]) : null,
    onTerm: random.pick(["dies", "dies", "exitsZero", "ignores"]),
  };
}

function expand(definitions: readonly Definition[]): readonly TaskScript[] {
  const firsts: number[] = [];
  const tasks: TaskScript[] = [];
  for (const { name, count, script, depends } of definitions) {
    firsts.push(tasks.length);
    for (let i = 0; i < (count ?? 1); i++) {
      const needs = depends.flatMap(({ on, same }) => {
        const first = firsts[on] ?? 0;
        if (same) return [first + i];
        return Array.from({ length: definitions[on]?.count ?? 1 }, (_, element) => first + element);
      });
      tasks.push({ ...script, name: count === null ? name : `${name}[${i + 1}]`, needs });
    }
  }
  return tasks;
}
