/** What can stop a machine from starting further processes, and how near it is. */
import { readdirSync, readFileSync } from "node:fs";
import os from "node:os";
import { ownCgroupFolders, readSystemFile } from "../src/node/cgroups.ts";

export interface Bound {
  readonly name: string;
  readonly used: number;
  readonly most: number;
}

/** Memory that is kept free for everybody else on the machine. */
const MEMORY_KEPT_SHARE = 0.1;

/** Of the machine, of this user, and of the process that starts the tasks. Those without a limit are left out. */
export function systemBounds(forkserver: number): readonly Bound[] {
  const threads = threadsOfMachine();
  const bounds: readonly (Bound | null)[] = [
    bound("kernel.pid_max", threads, numberIn("/proc/sys/kernel/pid_max")),
    bound("kernel.threads-max", threads, numberIn("/proc/sys/kernel/threads-max")),
    // The limit does not hold for root.
    os.userInfo().uid === 0 ? null : bound("ulimit -u", threads, softLimit(forkserver, "Max processes")),
    bound("ulimit -n of the forkserver", openFiles(forkserver), softLimit(forkserver, "Max open files")),
    bound("memory", os.totalmem() - availableBytes(), os.totalmem() * (1 - MEMORY_KEPT_SHARE)),
    ...pidsBounds(),
  ];
  return bounds.filter((one) => one !== null);
}

/** The one that is hit first when processes go on as they did between `before` and `after`, and at how many processes. */
export function nextBound(
  before: readonly Bound[],
  after: readonly Bound[],
  processes: number,
): { readonly bound: Bound; readonly processes: number } | null {
  const expected = after.flatMap((now) => {
    const then = before.find(({ name }) => name === now.name);
    const perProcess = (now.used - (then?.used ?? 0)) / processes;
    if (perProcess <= 0) return [];
    return [{ bound: now, processes: processes + Math.max(0, now.most - now.used) / perProcess }];
  });
  return expected.sort((left, right) => left.processes - right.processes)[0] ?? null;
}

const bound = (name: string, used: number, most: number | null): Bound | null =>
  most === null || !Number.isFinite(most) ? null : { name, used, most };

function numberIn(file: string): number | null {
  const text = readSystemFile(file)?.trim();
  return text === undefined || !/^\d+$/.test(text) ? null : Number(text);
}

/** The fourth field is RUNNING/ALL, in threads. */
const threadsOfMachine = (): number =>
  Number(/\/(\d+) /.exec(readFileSync("/proc/loadavg", "latin1"))?.[1] ?? Number.NaN);

const availableBytes = (): number =>
  1024 *
  Number(/^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "latin1"))?.[1] ?? Number.NaN);

function softLimit(pid: number, name: string): number | null {
  const match = new RegExp(`^${name}\\s+(\\d+)`, "m").exec(readSystemFile(`/proc/${pid}/limits`) ?? "");
  return match === null ? null : Number(match[1]);
}

function openFiles(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

function pidsBounds(): readonly (Bound | null)[] {
  const { v2, v1 } = ownCgroupFolders("pids");
  return [...v2, ...v1].map((folder) =>
    bound(`pids.max of ${folder}`, numberIn(`${folder}/pids.current`) ?? 0, numberIn(`${folder}/pids.max`)),
  );
}
