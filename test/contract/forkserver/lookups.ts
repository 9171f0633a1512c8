/** Waiting for what a test waits for, and looking at processes from outside. */
import { readFileSync } from "node:fs";

/** Far beyond what anything here takes, so that a loaded machine fails no test. */
export const DEADLINE_MS = 20_000;

/** Looks again until the check gives something. Throws what it waited for at the deadline. */
export async function eventually<Result>(
  what: string,
  check: () => Result | null | undefined | false,
): Promise<Result> {
  const endMs = performance.now() + DEADLINE_MS;
  for (;;) {
    const result = check();
    if (result !== null && result !== undefined && result !== false) return result;
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}

/** Neither gone nor a zombie. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !["Z", "X"].includes(stat[stat.lastIndexOf(")") + 2] ?? "X");
  } catch {
    return false;
  }
}

/** The pids that a task wrote to a file, one per line, as soon as there are so many. */
export function pidsIn(path: string, count: number): Promise<number[]> {
  return eventually(`${count} pids in ${path}`, () => {
    const pids = readTextIfAny(path).split("\n").slice(0, -1).map(Number);
    return pids.length >= count ? pids : null;
  });
}

export function readTextIfAny(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Starts a process without environment, parent and group: only its session tells what it belongs to. */
export const LOSE_PARENT_AND_GROUP = `bash -c 'set -m; (env -i PIDS="$PIDS" sh -c "echo \\$\\$ >> \\$PIDS; exec sleep 1000" & ); true';`;

/** Starts a process that leaves group, session and parent; goes on when that one has written its pid to $PIDS. */
export const DAEMONISE = `( setsid sh -c 'echo $$ >> "$0"; exec sleep 1000' "$PIDS" & ) ;
  until [ -s "$PIDS" ]; do sleep 0.005; done;`;
