import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { QREW_RECORDS } from "../contenders/qrew.ts";
import { withDaemon } from "../daemon.ts";
import { oneTask } from "../documents.ts";
import { proportionalBytes } from "../memory.ts";
import { type Measured, type Scenario, sized } from "../scenario.ts";
import { estimateMedian } from "../statistics.ts";

/** After the last job: what follows a job is not idleness. V8 gives memory back some fifteen seconds after it, once. */
const SETTLE_MS = 20_000;
/** Of /proc/PID/stat; the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export const idle: Scenario = {
  name: "idle",
  question: "What does a daemon take that has nothing to do, with all its processes started?",
  pairs: 3,
  run: (bench) =>
    withDaemon(bench, async (daemon): Promise<Measured> => {
      await daemon.runJob(oneTask({ command: ["/bin/true"] }));
      const pids = await daemon.pids();
      await delay(SETTLE_MS, undefined, { signal: bench.signal });
      const windowMs = sized(bench, 8_000, 3_000);
      const percents: number[] = [];
      const sizes: number[] = [];
      for (let round = 0; round < bench.pairs; round += 1) {
        const [before, startedMs] = [cpuTicks(pids), performance.now()];
        await delay(windowMs, undefined, { signal: bench.signal });
        const after = cpuTicks(pids);
        // A TaskExecutor leaves when it has been idle for a while, and its forkserver with it.
        const ticks = pids.map((pid) => (after.get(pid) ?? 0) - (before.get(pid) ?? 0));
        const seconds = ticks.reduce((sum, spent) => sum + Math.max(0, spent), 0) / TICKS_PER_SECOND;
        percents.push((100 * seconds) / ((performance.now() - startedMs) / 1000));
        sizes.push(proportionalBytes(pids) / 1e6);
      }
      const own = { contender: "qrew", records: QREW_RECORDS, speedup: null };
      const [percent, size] = [estimateMedian(percents), estimateMedian(sizes)];
      return {
        series: [
          { what: "idle daemon: share of a core", unit: "%", samples: percents, estimate: percent, ...own },
          { what: "idle daemon: PSS", unit: "MB", samples: sizes, estimate: size, ...own },
        ],
        figures: [
          { key: "idle/cpu-percent", ...percent },
          { key: "idle/pss-mb", ...size },
        ],
        absent: [],
        notes: [
          `${pids.length} processes; each window is ${windowMs / 1000} s, in steps of 10 ms of cpu time.`,
        ],
      };
    }),
};

/** Of those that are there: user and system time, fields 14 and 15, counted from the end of the name, which may itself have spaces. */
function cpuTicks(pids: readonly number[]): ReadonlyMap<number, number> {
  const ticks = new Map<number, number>();
  for (const pid of pids) {
    try {
      const text = readFileSync(`/proc/${pid}/stat`, "latin1");
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      ticks.set(pid, Number(fields[11]) + Number(fields[12]));
    } catch {
      // It has left.
    }
  }
  return ticks;
}
