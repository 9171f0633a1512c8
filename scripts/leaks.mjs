/**
 * What a run of tests left behind: processes that name the run's temporary folder in their environment or command line
 * (the tests' TMPDIR and QREW_HOME point into it), and files in it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Processes that were told to go may need a moment; tests are to wait for them, but not to the last instruction. */
const SETTLE_MS_MAX = 3_000;
const POLL_MS = 100;
/** Long lists help nobody. */
const NAMED_MAX = 20;
/** Written by Node, vite, tsx and Open MPI (through Makeflow) for themselves, not by tests. */
const NOT_OURS = /^(node-compile-cache|v8-compile-cache.*|tsx-\d+|ompi\..*)$/;

/** Processes that are still there after a short while: `[{pid, startTime, command}]`. */
export async function leftProcesses(folder) {
  const giveUpAtMs = Date.now() + SETTLE_MS_MAX;
  for (;;) {
    const found = findProcesses(folder);
    if (found.length === 0 || Date.now() > giveUpAtMs) return found;
    await sleep(POLL_MS);
  }
}

/** SIGKILL for each that is still the same process; they belong to the run whose folder is about to be removed. */
export async function endProcesses(processes) {
  for (const { pid, startTime } of processes) {
    if (readStartTime(pid) !== startTime) continue;
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has gone by itself.
    }
  }
  const giveUpAtMs = Date.now() + SETTLE_MS_MAX;
  while (
    processes.some(({ pid, startTime }) => readStartTime(pid) === startTime) &&
    Date.now() < giveUpAtMs
  ) {
    await sleep(POLL_MS);
  }
}

/** Names of what lies in the folder, at most 20 and then a count. */
export function leftFiles(folder) {
  const names = readdirSync(folder).filter((name) => !NOT_OURS.test(name));
  const rest = names.length - NAMED_MAX;
  return rest > 0 ? [...names.slice(0, NAMED_MAX), `and ${rest} more`] : names;
}

/** Those that name the folder, and all their descendants. */
function findProcesses(folder) {
  const pids = readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid);
  const parents = new Map(pids.map((pid) => [pid, Number(readStat(pid)[1] ?? 0)]));
  const found = new Set(
    pids.filter((pid) => ["cmdline", "environ"].some((file) => readProc(pid, file).includes(folder))),
  );
  for (const pid of found) {
    for (const [child, parent] of parents) if (parent === pid) found.add(child);
  }
  return [...found].flatMap((pid) => {
    const startTime = readStartTime(pid);
    const command = readProc(pid, "cmdline").replaceAll("\0", " ").trim().slice(0, 200);
    return startTime === null ? [] : [{ pid, startTime, command }];
  });
}

/** Null when the process has ended (also as a zombie, which holds nothing). */
function readStartTime(pid) {
  const [state, , ...rest] = readStat(pid);
  return state === undefined || state === "Z" ? null : (rest[17] ?? null);
}

/** The fields of stat from the third on: state, parent, …, start time as the twentieth. */
function readStat(pid) {
  const stat = readProc(pid, "stat");
  return stat === "" ? [] : stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** Empty where the process has gone or belongs to another user. */
function readProc(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}
