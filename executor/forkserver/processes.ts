/** A look at all processes of the machine through /proc, and signals that cannot reach another process by mistake. */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { MARK_VARIABLE } from "../../protocol/ids.ts";

export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Field 22 of stat: with the pid it names one process within a boot. */
  readonly start: string;
  /** Neither a zombie nor dead. */
  readonly alive: boolean;
  /** It was just executing a program and had no environment yet: what it belongs to cannot be said. */
  readonly unsure: boolean;
  /** Value of QREW_MARK in its environment; empty without one or where we may not look. */
  readonly mark: string;
}

/** Positions in /proc/PID/stat after the name in parentheses: proc(5) numbers them from 3. */
const STATE = 0;
const PARENT = 1;
const GROUP = 2;
const SESSION = 3;
const FLAGS = 6;
const START = 19;
const ENV_START = 47;
const ENV_END = 48;

const KERNEL_THREAD = 0x00200000;
const MARK_PREFIX = Buffer.from(`${MARK_VARIABLE}=`);

/** Linux allows 6 MiB of arguments and environment. */
const ENVIRON_BYTES_MAX = 8 * 1024 * 1024;
let environment = Buffer.allocUnsafe(64 * 1024);

/** All processes but this one and init, kernel threads left out. Costs about 30 µs each. */
export function lookAtProcesses(): readonly ProcessInfo[] {
  const found: ProcessInfo[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid <= 1 || pid === process.pid) continue;
    const info = lookAt(pid);
    if (info !== null) found.push(info);
  }
  return found;
}

/** Sends the signal if the pid still is this process. False if it is not, or we may not. */
export function signalProcess(info: ProcessInfo, signal: NodeJS.Signals): boolean {
  if (readStat(info.pid)?.[START] !== info.start) return false;
  return trySignal(info.pid, signal);
}

/** A negative pid is a group. False if there is no such process, or we may not. */
export function trySignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

function lookAt(pid: number): ProcessInfo | null {
  const stat = readStat(pid);
  if (stat === null || (Number(stat[FLAGS]) & KERNEL_THREAD) !== 0) return null;
  const alive = !["Z", "X", "x"].includes(stat[STATE] ?? "X");
  const bytes = alive ? readEnvironment(pid) : null;
  const empty = Number(stat[ENV_END]) !== 0 && stat[ENV_START] === stat[ENV_END];
  return {
    pid,
    parent: Number(stat[PARENT]),
    group: Number(stat[GROUP]),
    session: Number(stat[SESSION]),
    start: stat[START] ?? "",
    alive,
    unsure: bytes?.length === 0 && !empty,
    mark: bytes === null ? "" : findMark(bytes),
  };
}

function readStat(pid: number): readonly string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name may contain anything; its last parenthesis ends it.
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null;
  }
}

/** A view of a buffer that the next call uses again; null where we may not look. */
function readEnvironment(pid: number): Buffer | null {
  let file: number;
  try {
    file = openSync(`/proc/${pid}/environ`, "r");
  } catch {
    return null;
  }
  let length = 0;
  try {
    for (;;) {
      const count = readSync(file, environment, length, environment.length - length, null);
      length += count;
      if (count === 0 || environment.length >= ENVIRON_BYTES_MAX) break;
      if (length === environment.length) environment = Buffer.concat([environment], environment.length * 2);
    }
  } catch {
    // It died while we read; what was read does not matter any more.
  } finally {
    closeSync(file);
  }
  return environment.subarray(0, length);
}

function findMark(bytes: Buffer): string {
  let at = bytes.indexOf(MARK_PREFIX);
  while (at > 0 && bytes[at - 1] !== 0) at = bytes.indexOf(MARK_PREFIX, at + 1);
  if (at < 0) return "";
  const start = at + MARK_PREFIX.length;
  const end = bytes.indexOf(0, start);
  return bytes.toString("utf8", start, end < 0 ? bytes.length : end);
}
