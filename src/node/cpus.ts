/**
 * The cpus that this process may use: the smallest of what the scheduler lets it run on, what its control groups give it
 * in time, and what Slurm allocated.
 */
import os from "node:os";
import path from "node:path";
import { ownCgroupFolders, readSystemFile } from "./cgroups.ts";
import { type Environment, slurmCpus } from "./slurm.ts";

export interface CpuLimit {
  readonly milli: number;
  /** For people: `affinity`, `cgroup /sys/fs/cgroup/…`, `SLURM_CPUS_ON_NODE`. */
  readonly source: string;
}

/** The number of cpus in a list like `0-3,8,10-11`; null when it is no such list. */
export function countCpuList(list: string): number | null {
  let count = 0;
  for (const item of list.trim().split(",")) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(item);
    if (match === null) return null;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first) return null;
    count += last - first + 1;
  }
  return count;
}

/** The text of /proc/self/status. */
export function affinityLimit(status: string): CpuLimit | null {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1];
  const count = list === undefined ? null : countCpuList(list);
  return count === null || count === 0 ? null : { milli: count * 1000, source: "affinity" };
}

/** The text of cpu.max (version 2): `QUOTA PERIOD` in microseconds, or `max PERIOD`. */
export function parseCpuMax(text: string): number | null {
  const match = /^(\d+) (\d+)$/.exec(text.trim());
  return match === null ? null : milliOf(Number(match[1]), Number(match[2]));
}

/** The texts of cpu.cfs_quota_us (-1: none) and cpu.cfs_period_us (version 1). */
export function parseCfsQuota(quota: string, period: string): number | null {
  const quotaMicros = Number(quota.trim());
  const periodMicros = Number(period.trim());
  return Number.isInteger(quotaMicros) && quotaMicros > 0 ? milliOf(quotaMicros, periodMicros) : null;
}

/** A quota below a thousandth of a cpu still is something to run on. */
const milliOf = (quotaMicros: number, periodMicros: number): number | null =>
  quotaMicros > 0 && periodMicros > 0 ? Math.max(1, Math.floor((quotaMicros / periodMicros) * 1000)) : null;

/** The smallest of the limits, the first of equal ones; where there is none, the cpus of the machine. */
export function decideCpus(limits: readonly (CpuLimit | null)[], machineCpus: number): CpuLimit {
  let least: CpuLimit | null = null;
  for (const limit of limits) {
    if (limit !== null && (least === null || limit.milli < least.milli)) least = limit;
  }
  return least ?? { milli: machineCpus * 1000, source: "machine" };
}

export function detectCpus(environment: Environment = process.env): CpuLimit {
  const slurm = slurmCpus(environment);
  return decideCpus(
    [
      affinityLimit(readSystemFile("/proc/self/status") ?? ""),
      ...quotaLimits(),
      slurm === null ? null : { milli: slurm.cpus * 1000, source: slurm.variable },
    ],
    os.cpus().length,
  );
}

function quotaLimits(): readonly (CpuLimit | null)[] {
  const { v2, v1 } = ownCgroupFolders("cpu");
  const limits: (CpuLimit | null)[] = [];
  for (const folder of v2) {
    limits.push(limitOf(folder, parseCpuMax(readSystemFile(path.join(folder, "cpu.max")) ?? "")));
  }
  for (const folder of v1) {
    const quota = readSystemFile(path.join(folder, "cpu.cfs_quota_us")) ?? "";
    const period = readSystemFile(path.join(folder, "cpu.cfs_period_us")) ?? "";
    limits.push(limitOf(folder, parseCfsQuota(quota, period)));
  }
  return limits;
}

const limitOf = (folder: string, milli: number | null): CpuLimit | null =>
  milli === null ? null : { milli, source: `cgroup ${folder}` };
