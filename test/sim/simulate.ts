/** One simulation from a seed, to its end or to the first thing that must not be. */
import { listDeletions } from "../../src/store/deletions.ts";
import { listJobs } from "../../src/store/managerStore.ts";
import type { Violation } from "./invariants.ts";
import type { Mutation } from "./mutations.ts";
import { Random } from "./random.ts";
import { makeFaultSettings } from "./faultSettings.ts";
import { Trace } from "./trace.ts";
import { makeCapacity, makeJobs } from "./workload.ts";
import { SimNode } from "./node.ts";
import type { WorldSettings } from "./world.ts";

/** Virtual time after which work that still goes on will never end: hours of tasks do not fit into a seed. */
const END_MS_MAX = 1_200_000;
/** Things that happen in one simulation: a hundred times what is usual; more is a loop. */
const STEPS_MAX = 2_000_000;
const WATCH_MS = 1000;
/** After the last job, for what the actors still have to say. */
const QUIET_MS = 5000;

export interface SimulationOptions {
  readonly mutation?: Mutation | null;
  readonly keepsTrace?: boolean;
}

export interface SimulationResult {
  readonly seed: number;
  readonly violation: Violation | null;
  /** Of everything that happened: equal seeds have equal hashes. */
  readonly hash: string;
  readonly steps: number;
  readonly endMs: number;
  readonly trace: Trace;
  readonly settings: WorldSettings;
}

export function simulate(seed: number, options: SimulationOptions = {}): SimulationResult {
  const random = new Random(seed);
  const settings = makeSettings(random, options.mutation ?? null);
  const trace = new Trace(options.keepsTrace);
  const world = new SimNode(settings, random.fork("world"), trace, options.mutation ?? null);
  const steps = run(world);
  const { broken } = world.invariants;
  return { seed, violation: broken, hash: trace.hash(), steps, endMs: world.timeline.nowMs, trace, settings };
}

function makeSettings(random: Random, mutation: Mutation | null): WorldSettings {
  const capacity = makeCapacity(random.fork("capacity"));
  return {
    capacity,
    workersMax: random.between(1, 3),
    jobs: makeJobs(random.fork("jobs"), capacity),
    faults: makeFaultSettings(random.fork("faults"), mutation),
    forkserversLeaveOrphans: random.chance(0.3),
  };
}

/** Returns the number of steps. */
function run(world: SimNode): number {
  const { timeline, invariants } = world;
  let watchAtMs = 0;
  let quietAtMs = Number.POSITIVE_INFINITY;
  for (let steps = 0; ; steps++) {
    try {
      timeline.step();
    } catch (error) {
      invariants.break(
        "no actor fails",
        error instanceof Error ? (error.stack ?? error.message) : String(error),
      );
    }
    if (invariants.broken !== null) return steps;
    if (timeline.nowMs >= watchAtMs) {
      watchAtMs = timeline.nowMs + WATCH_MS;
      if (world.faults.areOver) invariants.watchStarts();
      const isDone =
        world.faults.areOver && world.clients.every((client) => client.isDone) && allEnded(world);
      if (isDone && quietAtMs === Number.POSITIVE_INFINITY) quietAtMs = timeline.nowMs + QUIET_MS;
      if (timeline.nowMs > END_MS_MAX) invariants.break("every job ends", describeStuck(world));
    }
    if (timeline.nowMs >= quietAtMs) {
      invariants.judge();
      return steps;
    }
    if (steps > STEPS_MAX) invariants.break("bounded", `more than ${STEPS_MAX} steps`);
  }
}

/** A client that was not answered has submitted again: then there are more jobs than scripts. */
const allEnded = ({ disk }: SimNode): boolean =>
  disk.open("manager").read((reader) => {
    const live = listJobs(reader, { limit: 1, states: ["queued", "running", "paused"] });
    return live.length === 0 && listDeletions(reader).length === 0;
  });

const describeStuck = ({ clients, settings }: SimNode): string =>
  settings.jobs.flatMap(({ name }, i) => (clients[i]?.isDone === true ? [] : [name])).join(", ");
