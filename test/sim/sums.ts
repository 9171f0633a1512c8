/** What attempts that run hold together, and what of a node is left beside it. */
import type { Resources } from "../../protocol/resources.ts";
import { addResources } from "../../src/node/resources.ts";
import type { TaskRun } from "./taskRun.ts";

export const sumOf = (runs: readonly TaskRun[]): Resources =>
  runs.reduce((sum, { script }) => addResources(sum, script.resources), NOTHING);

const NOTHING: Resources = { cpusMilli: 0, memoryBytes: 0, gpusMilli: 0, named: {} };

export function freeOf(capacity: Resources, held: Resources): Resources {
  return {
    cpusMilli: Math.max(0, capacity.cpusMilli - held.cpusMilli),
    memoryBytes: Math.max(0, capacity.memoryBytes - held.memoryBytes),
    gpusMilli: Math.max(0, capacity.gpusMilli - held.gpusMilli),
    named: {},
  };
}

export const describe = ({ cpusMilli, memoryBytes, gpusMilli }: Resources): string =>
  `${cpusMilli / 1000} cpus ${memoryBytes / 1024 ** 2} MiB ${gpusMilli / 1000} gpus`;
