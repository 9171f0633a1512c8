/** Looks at the forkservers of a daemon while it works: the sum of what runs, from their own reports. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { probeForkserver } from "../../executor/forkserver/client.ts";
import { QrewError } from "../../protocol/errors.ts";

export interface WatchResult {
  readonly samples: number;
  /** The largest sum that was true: seen, and seen again at once. */
  readonly peakCpusMilli: number;
}

/** Tasks of the tests run for 50 ms and more: none is missed, and the watch takes little of the cpus it watches. */
const LOOK_MS = 15;

/**
 * Watches until `stop`. The reports of several forkservers come a moment apart, in which a slot may pass from one to the other and be
 * counted twice: a sum counts when the next look, right after, does not show less.
 */
export function watchReports(runFolder: string): { stop(): Promise<WatchResult> } {
  let stopped = false;
  let samples = 0;
  let peakCpusMilli = 0;
  const watch = async (): Promise<WatchResult> => {
    while (!stopped) {
      const first = await runningCpusMilli(runFolder);
      samples += 1;
      if (first > peakCpusMilli) {
        peakCpusMilli = Math.max(peakCpusMilli, Math.min(first, await runningCpusMilli(runFolder)));
      }
      await delay(LOOK_MS);
    }
    return { samples, peakCpusMilli };
  };
  const done = watch();
  // Awaited by `stop`; a failure before is not one that nobody hears.
  done.catch(() => undefined);
  return {
    stop: () => {
      stopped = true;
      return done;
    },
  };
}

async function runningCpusMilli(runFolder: string): Promise<number> {
  const sockets = readdirSync(runFolder).filter((name) => /^fork[\w-]+\.sock$/.test(name));
  const probes = await Promise.all(sockets.map((name) => probe(path.join(runFolder, name))));
  return probes.reduce((sum, cpusMilli) => sum + cpusMilli, 0);
}

/** 0 for one that is just leaving or not listening yet. */
async function probe(socketPath: string): Promise<number> {
  try {
    return (await probeForkserver(socketPath))?.report.runningCpusMilli ?? 0;
  } catch (error) {
    if (QrewError.from(error).code === "unreachable") return 0;
    throw error;
  }
}
