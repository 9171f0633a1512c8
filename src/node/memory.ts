/** The memory that this process may use: the smallest of the machine's, its control groups', and what Slurm allocated. */
import os from "node:os";
import path from "node:path";
import { ownCgroupFolders, readSystemFile } from "./cgroups.ts";
import { type Environment, slurmMemory } from "./slurm.ts";

export interface MemoryLimit {
  readonly bytes: number;
  /** For people: `machine`, `cgroup /sys/fs/cgroup/…`, `SLURM_MEM_PER_NODE`. */
  readonly source: string;
}

/** The text of /proc/meminfo. */
export function parseMemTotal(text: string): number | null {
  const match = /^MemTotal:\s+(\d+) kB$/m.exec(text);
  return match === null ? null : Number(match[1]) * 1024;
}

/** The text of memory.max (version 2; `max`: none) or memory.limit_in_bytes (version 1, where none is a huge number). */
export function parseMemoryLimit(text: string): number | null {
  return /^\d+$/.test(text.trim()) ? Number(text.trim()) : null;
}

/** The smallest. A limit above the machine's memory is none; one of 0 bytes cannot be meant. */
export function decideMemory(machineBytes: number, limits: readonly MemoryLimit[]): MemoryLimit {
  let least: MemoryLimit = { bytes: machineBytes, source: "machine" };
  for (const limit of limits) {
    if (limit.bytes > 0 && limit.bytes < least.bytes) least = limit;
  }
  return least;
}

/** `cpus` is what Slurm allocated, for memory that it gave per cpu. */
export function detectMemory(
  environment: Environment = process.env,
  cpus: number | null = null,
): MemoryLimit {
  const machine = parseMemTotal(readSystemFile("/proc/meminfo") ?? "") ?? os.totalmem();
  const slurm = slurmMemory(environment, cpus);
  return decideMemory(machine, [
    ...cgroupLimits(),
    ...(slurm === null ? [] : [{ bytes: slurm.bytes, source: slurm.variable }]),
  ]);
}

function cgroupLimits(): readonly MemoryLimit[] {
  const { v2, v1 } = ownCgroupFolders("memory");
  const files = [
    ...v2.map((folder) => path.join(folder, "memory.max")),
    ...v1.map((folder) => path.join(folder, "memory.limit_in_bytes")),
  ];
  const limits: MemoryLimit[] = [];
  for (const file of files) {
    const bytes = parseMemoryLimit(readSystemFile(file) ?? "");
    if (bytes !== null) limits.push({ bytes, source: `cgroup ${path.dirname(file)}` });
  }
  return limits;
}
