/**
 * What the attempts of a daemon held and when, from the stores: the record against which sharing is judged. Times are CLOCK_MONOTONIC
 * of the machine as the forkservers stamped them, so attempts of different seats compare.
 */
import type { JobSeq, TaskIndex } from "../../protocol/ids.ts";
import type { Resources } from "../../protocol/resources.ts";
import { definitionOf } from "../../src/client/readiness.ts";
import { Stores } from "../../src/client/stores.ts";
import { addResources, NO_RESOURCES } from "../../src/node/resources.ts";
import { listJobs } from "../../src/store/managerStore.ts";
import { readPlan } from "../../src/store/plans.ts";
import type { Store } from "../../src/store/port.ts";
import type { TaskRecord } from "../../src/store/workerRecords.ts";
import { eachTask, listAttempts } from "../../src/store/workerStore.ts";
import { decodePlan } from "../../src/workflow/decodePlan.ts";
import type { Plan } from "../../src/workflow/plan.ts";

export interface HeldSlot {
  readonly job: JobSeq;
  readonly name: string;
  readonly resources: Resources;
  readonly startMonoMs: number;
  /** Infinite while it runs. */
  readonly endMonoMs: number;
}

/** More jobs than any test submits. */
const JOBS_MAX = 10_000;

/** Every attempt that has started, of all jobs of the state folder, in the order of their starts. */
export async function heldSlots(home: string): Promise<readonly HeldSlot[]> {
  const stores = new Stores(home);
  try {
    const manager = stores.manager();
    if (manager === null) return [];
    const held = manager
      .read((reader) => listJobs(reader, { limit: JOBS_MAX }))
      .flatMap(({ job, seat }) => {
        const store = seat === null ? null : stores.seat(seat);
        return store === null ? [] : [...slotsOf(job, planOf(manager, job), store)];
      });
    return held.toSorted((a, b) => a.startMonoMs - b.startMonoMs);
  } finally {
    await stores.close();
  }
}

function planOf(manager: Store, job: JobSeq): Plan {
  const bytes = manager.read((reader) => readPlan(reader, job));
  if (bytes === null) throw new Error(`job ${job} has no plan`);
  return decodePlan(bytes);
}

function* slotsOf(job: JobSeq, plan: Plan, store: Store): Generator<HeldSlot> {
  for (const { task, record } of eachTask(store, job)) {
    const earlier = store.read((reader) => listAttempts(reader, job, task));
    const attempts = new Map<number, TaskRecord>();
    for (const attempt of [...earlier, record]) attempts.set(attempt.attempt, attempt);
    for (const { startedMonoMs, endedMonoMs } of attempts.values()) {
      if (startedMonoMs === null) continue;
      const resources = resourcesOf(plan, task);
      const endMonoMs = endedMonoMs ?? Number.POSITIVE_INFINITY;
      yield { job, name: plan.taskName(task), resources, startMonoMs: startedMonoMs, endMonoMs };
    }
  }
}

function resourcesOf({ graph }: Plan, task: TaskIndex): Resources {
  const definition = definitionOf(graph, task);
  const element = task - (graph.firstTask[definition] ?? 0);
  const index = graph.elementClasses.get(definition)?.[element] ?? graph.definitionClass[definition] ?? 0;
  return graph.classes[index]?.resources ?? NO_RESOURCES;
}

/** The slots of one job. */
export const slotsOfJob = (slots: readonly HeldSlot[], job: JobSeq): readonly HeldSlot[] =>
  slots.filter((slot) => slot.job === job);

/** The largest sum that was held at any moment, of each resource by itself. An end at the same instant comes before a start. */
export function peakOf(slots: readonly HeldSlot[]): Resources & { readonly attempts: number } {
  const edges = slots.flatMap(({ resources, startMonoMs, endMonoMs }) => [
    { atMs: startMonoMs, sign: 1, resources },
    { atMs: endMonoMs, sign: -1, resources },
  ]);
  edges.sort((a, b) => (a.atMs === b.atMs ? a.sign - b.sign : a.atMs - b.atMs));
  let held = NO_RESOURCES;
  let running = 0;
  let peak = { ...NO_RESOURCES, attempts: 0 };
  for (const { sign, resources } of edges) {
    held = sign > 0 ? addResources(held, resources) : takeBack(held, resources);
    running += sign;
    peak = { ...largestOf(peak, held), attempts: Math.max(peak.attempts, running) };
  }
  return peak;
}

const namesOf = (...vectors: readonly Resources[]): readonly string[] => [
  ...new Set(vectors.flatMap(({ named }) => Object.keys(named))),
];

function takeBack(held: Resources, less: Resources): Resources {
  const named = namesOf(held).map(
    (name) => [name, (held.named[name] ?? 0) - (less.named[name] ?? 0)] as const,
  );
  return {
    cpusMilli: held.cpusMilli - less.cpusMilli,
    memoryBytes: held.memoryBytes - less.memoryBytes,
    gpusMilli: held.gpusMilli - less.gpusMilli,
    named: Object.fromEntries(named),
  };
}

function largestOf(a: Resources, b: Resources): Resources {
  const named = namesOf(a, b).map(
    (name) => [name, Math.max(a.named[name] ?? 0, b.named[name] ?? 0)] as const,
  );
  return {
    cpusMilli: Math.max(a.cpusMilli, b.cpusMilli),
    memoryBytes: Math.max(a.memoryBytes, b.memoryBytes),
    gpusMilli: Math.max(a.gpusMilli, b.gpusMilli),
    named: Object.fromEntries(named),
  };
}
