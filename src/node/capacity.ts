/** What this node offers to tasks: detected, or as the user says. */
import { QrewError } from "../../protocol/errors.ts";
import type { Resources } from "../../protocol/resources.ts";
import { detectCpus } from "./cpus.ts";
import { detectGpus } from "./gpus.ts";
import { detectMemory } from "./memory.ts";
import { type Environment, slurmCpus } from "./slurm.ts";

export interface CapacityOverrides {
  readonly cpusMilli?: number;
  readonly memoryBytes?: number;
  readonly gpusMilli?: number;
  /** `name=amount`, amounts with at most three decimals: `licence=2`. */
  readonly named?: readonly string[];
}

export interface Capacity {
  readonly resources: Resources;
  /** Where each amount comes from, for people; `override` for what the user said. */
  readonly sources: Readonly<Record<"cpus" | "memory" | "gpus", string>>;
}

const OVERRIDE = "override";

/** Throws `usage` for a named resource that cannot be read. */
export function detectCapacity(
  overrides: CapacityOverrides = {},
  environment: Environment = process.env,
): Capacity {
  const cpus =
    overrides.cpusMilli === undefined
      ? detectCpus(environment)
      : { milli: overrides.cpusMilli, source: OVERRIDE };
  const memory =
    overrides.memoryBytes === undefined
      ? detectMemory(environment, slurmCpus(environment)?.cpus ?? null)
      : { bytes: overrides.memoryBytes, source: OVERRIDE };
  const gpus =
    overrides.gpusMilli === undefined
      ? { milli: detectGpus() * 1000, source: "/dev" }
      : { milli: overrides.gpusMilli, source: OVERRIDE };
  return {
    resources: {
      cpusMilli: cpus.milli,
      memoryBytes: memory.bytes,
      gpusMilli: gpus.milli,
      named: parseNamedResources(overrides.named ?? []),
    },
    sources: { cpus: cpus.source, memory: memory.source, gpus: gpus.source },
  };
}

/** Names that are resources of their own; a second meaning would only confuse. */
const RESERVED = new Set(["cpu", "cpus", "gpu", "gpus", "memory"]);

/** Throws `usage`, saying what is expected. */
export function parseNamedResources(items: readonly string[]): Readonly<Record<string, number>> {
  const named = new Map<string, number>();
  for (const item of items) {
    const match = /^([A-Za-z][A-Za-z0-9_.-]{0,63})=(\d{1,12}(?:\.\d{1,3})?)$/.exec(item);
    const [, name, amount] = match ?? [];
    if (name === undefined || amount === undefined || RESERVED.has(name)) {
      throw new QrewError(
        "usage",
        `The resource ${JSON.stringify(item)} is not NAME=AMOUNT: write \`licence=2\`.`,
      );
    }
    if (named.has(name)) throw new QrewError("usage", `The resource ${name} is given twice: leave one.`);
    named.set(name, Math.round(Number(amount) * 1000));
  }
  return Object.fromEntries(named);
}
