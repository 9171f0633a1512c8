/** A failure for people: the seed, what was broken, the way there, and how to see it again. */
import type { Mutation } from "./mutations.ts";
import type { SimulationResult } from "./simulate.ts";

const TAIL_LINES = 40;

export function describeFailure(result: SimulationResult, mutation: Mutation | null = null): string {
  const { seed, violation, trace, settings } = result;
  const { kinds, count } = settings.faults;
  const option = mutation === null ? "" : ` --mutation ${mutation}`;
  return [
    `seed ${seed}: ${violation?.invariant ?? "nothing"} — ${violation?.detail ?? "is broken"}`,
    `  ${settings.jobs.length} jobs, ${settings.capacity.cpusMilli / 1000} cpus, ${count} faults of: ${kinds.join(", ") || "none"}`,
    ...trace.tail(TAIL_LINES).map((line) => `  ${line}`),
    `  again: npm run sim -- --seed ${seed} --trace${option}`,
  ].join("\n");
}
