/** Who works for a state folder: its manager, QWorkers, TaskExecutors, forkservers, and what tasks have started. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import path from "node:path";
import { MARK_VARIABLE } from "../../protocol/ids.ts";
import { environmentValue, isDeadState, readProcessStat } from "./process.ts";

/** Its first argument is the state folder (src/client/daemonProcess.ts). */
const MANAGER_MAIN = /\/manager\/main\.[jt]s$/;

/** Pids of living processes of `home`, or of tasks of one of these instances; not of the caller. */
export function processesOfHome(home: string, instances: readonly string[]): readonly number[] {
  return otherPids().filter(
    (pid) => !isDead(pid) && (isActor(pid, home, instances) || isTask(pid, instances)),
  );
}

/** Pids of its living managers, of any build: the one that serves, and those that only start; not of the caller. */
export const managersOfHome = (home: string): readonly number[] =>
  otherPids().filter((pid) => {
    const args = readText(pid, "cmdline").split("\0");
    const at = args.indexOf("--home");
    return at > 0 && args[at + 1] === home && MANAGER_MAIN.test(args[at - 1] ?? "") && !isDead(pid);
  });

const isDead = (pid: number): boolean => isDeadState(readProcessStat(pid)?.state ?? "X");

/** Actors are started with `--home FOLDER` and `--instance UUID`, forkservers with `--log FILE` in the folder. */
function isActor(pid: number, home: string, instances: readonly string[]): boolean {
  const args = readText(pid, "cmdline").split("\0");
  return args.some((arg, index) => {
    const value = args[index + 1] ?? "";
    if (arg === "--home") return value === home;
    if (arg === "--log") return value.startsWith(home + path.sep);
    return arg === "--instance" && instances.includes(value);
  });
}

function isTask(pid: number, instances: readonly string[]): boolean {
  const mark = environmentValue(readText(pid, "environ"), MARK_VARIABLE);
  return mark !== null && instances.some((instance) => mark.startsWith(`${instance}/`));
}

/** Pids of living processes that have this file open; not of the caller. */
export const processesWithOpen = (file: string): readonly number[] =>
  otherPids().filter((pid) => openFilesOf(pid).includes(file));

const otherPids = (): number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid);

function openFilesOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).flatMap((name) => linkAt(path.join(folder, name)));
  } catch {
    // It has ended, or is not ours to look into.
    return [];
  }
}

function linkAt(link: string): string[] {
  try {
    return [readlinkSync(link)];
  } catch {
    return [];
  }
}

/** Empty for one that is gone or not ours to look into. */
function readText(pid: number, file: "cmdline" | "environ"): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
