/** What processes hold: read from /proc while they work. */
import { readFileSync } from "node:fs";
import { proportionalSetBytes } from "../src/node/process.ts";

/** Of two looks; one costs a millisecond for each hundred MB. */
const LOOK_MS = 250;

/** Memory that belongs to the processes alone: no files, no mapped stores, nothing the kernel could drop. */
export const anonymousBytes = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => sum + fieldBytes(pid, "Anonymous"), 0);

/** Each shared page divided among those that share it. */
export const proportionalBytes = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => sum + (proportionalSetBytes(pid) ?? 0), 0);

function fieldBytes(pid: number, field: string): number {
  try {
    const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(
      readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"),
    );
    return Number(match?.[1] ?? 0) * 1024;
  } catch {
    // It has ended.
    return 0;
  }
}

/** The largest sum of anonymous memory while `body` runs. */
export async function peakAnonymousBytes<Result>(
  pids: readonly number[],
  body: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly peakBytes: number }> {
  let peakBytes = anonymousBytes(pids);
  const look = (): void => {
    peakBytes = Math.max(peakBytes, anonymousBytes(pids));
  };
  const timer = setInterval(look, LOOK_MS);
  try {
    const result = await body();
    look();
    return { result, peakBytes };
  } finally {
    clearInterval(timer);
  }
}
