/** Jobs from a seed: the documents that a user would submit, and what the user does with them. */
import type { Resources } from "../../protocol/resources.ts";
import { buildVersion, correct, type Definition, makeDefinitions, makeSingle, MIB } from "./definitions.ts";
import type { Random } from "./random.ts";
import type { JobScript, PauseScript, RoundScript } from "./scripts.ts";

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
  const jobs = Array.from({ length: count }, (_, i) => {
    const of = random.fork(`job ${i}`);
    return makeJob(of, capacity, `job-${i}`, makeDefinitions(of, capacity));
  });
  return [...jobs, ...makeSingles(random.fork("singles"), capacity)];
}

/** Jobs of one ordinary task each, which share what they borrow; now and then one that looks like them and does not. */
function makeSingles(random: Random, capacity: Resources): readonly JobScript[] {
  if (!random.chance(0.4)) return [];
  return Array.from({ length: random.between(2, 12) }, (_, i) => {
    const of = random.fork(`single ${i}`);
    return makeJob(of, capacity, `single-${i}`, makeSingle(of, capacity));
  });
}

function makeJob(
  random: Random,
  capacity: Resources,
  name: string,
  definitions: readonly Definition[],
): JobScript {
  const policy = {
    failFast: random.chance(0.2),
    maxRunning: random.chance(0.15) ? random.between(1, 3) : null,
  };
  const submitAtMs = random.chance(0.6) ? random.between(0, 500) : random.between(0, 20_000);
  return {
    name,
    first: buildVersion(name, definitions, policy, capacity),
    rounds: makeRounds(random, definitions, (all) => buildVersion(name, all, policy, capacity), capacity),
    priority: random.chance(0.3) ? random.between(-2, 2) : 0,
    submitAtMs,
    key: random.chance(0.5) ? `key of ${name}` : null,
    pause: random.chance(0.15) ? makePause(random, submitAtMs) : null,
    cancelAtMs: random.chance(0.2) ? submitAtMs + random.between(0, 15_000) : null,
    pruneAfterMs: random.chance(0.25) ? random.between(0, 4000) : null,
  };
}

function makeRounds(
  random: Random,
  first: readonly Definition[],
  build: (definitions: readonly Definition[]) => JobScript["first"],
  capacity: Resources,
): readonly RoundScript[] {
  if (!random.chance(0.3)) return [];
  let definitions = first;
  return Array.from({ length: random.between(1, 2) }, (_, i) => {
    const afterMs = random.chance(0.5) ? 0 : random.between(0, 4000);
    if (random.chance(0.5)) return { afterMs, corrected: null };
    definitions = correct(random, capacity, definitions, i);
    return { afterMs, corrected: build(definitions) };
  });
}

function makePause(random: Random, submitAtMs: number): PauseScript {
  const fromMs = submitAtMs + random.between(0, 8000);
  return { mode: random.pick(["hold", "stop"]), fromMs, untilMs: fromMs + random.between(0, 30_000) };
}
