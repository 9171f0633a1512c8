/**
 * What /proc says about single processes. A pid alone names nothing for long, since pids wrap; a pid with its start time
 * names one process for certain within a boot, and with the boot id for ever.
 *
 * Everything here reads and judges; nothing signals.
 */
import { readdirSync, readFileSync } from "node:fs";
import { QrewError } from "../../protocol/errors.ts";

export interface ProcessStat {
  readonly pid: number;
  /** One letter; `Z` and `X` are dead and only not reaped. */
  readonly state: string;
  readonly parentPid: number;
  readonly groupId: number;
  readonly sessionId: number;
  /** Field 22: clock ticks since boot, as text because it is compared and never calculated with. */
  readonly startTime: string;
}

/**
 * The text of /proc/PID/stat; null if it is none. The name in parentheses may itself have spaces, parentheses and
 * newlines, so the fields are counted from the last closing one.
 */
export function parseProcessStat(text: string): ProcessStat | null {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 1 || close < open) return null;
  const pid = Number(text.slice(0, open));
  const fields = text
    .slice(close + 1)
    .trim()
    .split(/\s+/);
  const [state, parent, group, session] = fields;
  // The first field after the name is number 3.
  const startTime = fields[22 - 3];
  if (!Number.isInteger(pid) || state === undefined || startTime === undefined) return null;
  if (!/^\d+$/.test(startTime)) return null;
  return {
    pid,
    state,
    parentPid: Number(parent),
    groupId: Number(group),
    sessionId: Number(session),
    startTime,
  };
}

/** Null when there is no such process. */
export function readProcessStat(pid: number): ProcessStat | null {
  const text = readProcessFile(pid, "stat");
  return text === null ? null : parseProcessStat(text);
}

/** Null when there is no such process. A zombie still has one. */
export const processStartTime = (pid: number): string | null => readProcessStat(pid)?.startTime ?? null;

/** Of the process that asks. */
export function ownStartTime(): string {
  const startTime = processStartTime(process.pid);
  if (startTime === null) {
    throw new QrewError("internal", "/proc/self/stat cannot be read: qrew needs a mounted /proc.");
  }
  return startTime;
}

/** Whether exactly this process lives: not a later one of the same pid, and not a zombie, which runs nothing any more. */
export function isAlive(pid: number, startTime: string): boolean {
  const stat = readProcessStat(pid);
  return stat !== null && stat.startTime === startTime && !isDeadState(stat.state);
}

/** Ended, and at most not reaped yet: it runs nothing any more. */
export const isDeadState = (state: string): boolean => state === "Z" || state === "X" || state === "x";

/** Seconds that the process has run on cpus, in user and kernel mode; null when there is no such process. */
export function processCpuSeconds(pid: number): number | null {
  const text = readProcessFile(pid, "stat");
  if (text === null) return null;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  // Fields 14 and 15, of which the first after the name is number 3; 100 ticks make a second on all of Linux.
  const ticks = Number(fields[14 - 3]) + Number(fields[15 - 3]);
  return Number.isFinite(ticks) ? ticks / 100 : null;
}

/** A uuid that differs after each boot: what was recorded under another one is certainly dead. */
export const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();

/** Names one process for ever: pids wrap, and both pids and start times begin anew at each boot. */
export interface ProcessName {
  readonly pid: number;
  readonly startTime: string;
  /** Empty where it was not recorded: then the process is taken for one of this boot. */
  readonly bootId: string;
}

/** Of a process that was just started; one that has ended already has no start time, and no process is alive under that name. */
export const nameProcess = (pid: number): ProcessName => ({
  pid,
  startTime: processStartTime(pid) ?? "",
  bootId: bootId(),
});

/** Of the process that asks. */
export const ownName = (): ProcessName => ({
  pid: process.pid,
  startTime: ownStartTime(),
  bootId: bootId(),
});

/** Whether exactly this process lives. */
export const isLiving = (name: ProcessName): boolean =>
  isAlive(name.pid, name.startTime) && (name.bootId === "" || name.bootId === bootId());

/**
 * Proportional set size: resident memory with each shared page divided among those that share it, so that the sum over
 * processes means something. Null when the process is gone or belongs to somebody else.
 */
export function proportionalSetBytes(pid: number): number | null {
  const text = readProcessFile(pid, "smaps_rollup");
  return text === null ? null : parseProportionalSetBytes(text);
}

/** The text of smaps_rollup; null for a process without memory of its own (a zombie, a kernel thread). */
export function parseProportionalSetBytes(text: string): number | null {
  const match = /^Pss:\s+(\d+) kB$/m.exec(text);
  return match === null ? null : Number(match[1]) * 1024;
}

export interface MarkedProcess {
  readonly pid: number;
  readonly startTime: string;
  /** The whole value of the variable. */
  readonly value: string;
}

/**
 * All living processes whose environment, as it was when they were started, has `name` with a value that begins with
 * `valuePrefix`; in order of pid. Those of other users cannot be read and are left out. One pass over /proc: a process
 * that forks meanwhile may be missed, so whoever sweeps repeats it until nothing is found.
 */
export function processesWithEnvironment(name: string, valuePrefix: string): readonly MarkedProcess[] {
  const found: MarkedProcess[] = [];
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const marked = markedProcess(Number(entry), name, valuePrefix);
    if (marked !== null) found.push(marked);
  }
  return found.sort((left, right) => left.pid - right.pid);
}

/** Pids of all living processes whose arguments have these in a row, other than the one that asks. */
export function processesWithArguments(row: readonly string[]): readonly number[] {
  const wanted = `\0${row.join("\0")}\0`;
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => pid !== process.pid && readProcessFile(pid, "cmdline")?.includes(wanted) === true)
    .filter((pid) => !isDeadState(readProcessStat(pid)?.state ?? "X"));
}

function markedProcess(pid: number, name: string, valuePrefix: string): MarkedProcess | null {
  const environment = readProcessFile(pid, "environ");
  if (environment === null) return null;
  const value = environmentValue(environment, name);
  if (value?.startsWith(valuePrefix) !== true) return null;
  const stat = readProcessStat(pid);
  if (stat === null || isDeadState(stat.state)) return null;
  // The pid may have been given to another process between the two reads: only what still has the mark counts.
  const again = readProcessFile(pid, "environ");
  if (again === null || environmentValue(again, name) !== value) return null;
  return { pid, startTime: stat.startTime, value };
}

/** The text of /proc/PID/environ: `NAME=value` entries, each ended by a zero byte; the first of a name counts. */
export function environmentValue(environment: string, name: string): string | null {
  const start = environment.startsWith(`${name}=`) ? 0 : environment.indexOf(`\0${name}=`) + 1;
  if (start === 0 && !environment.startsWith(`${name}=`)) return null;
  const valueStart = start + name.length + 1;
  const end = environment.indexOf("\0", valueStart);
  return environment.slice(valueStart, end === -1 ? undefined : end);
}

/** Null when the process is gone or not ours to look into. Any other failure is not expected of /proc. */
function readProcessFile(pid: number, file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ESRCH" || code === "EACCES" || code === "EPERM") return null;
    throw error;
  }
}
