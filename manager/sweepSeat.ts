/**
 * Ends what a seat has left that can never have a holder again, since its store is damaged: nobody would tell its tasks to stop, or
 * record their ends, and their slots are lent to others.
 */
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { forkserverSocketName, MARK_VARIABLE, type SeatNumber, seatMark } from "../protocol/ids.ts";
import {
  isLiving,
  nameProcess,
  processesWithArguments,
  processesWithEnvironment,
  type ProcessName,
} from "../src/node/process.ts";

/** For killed processes to be gone, and for those that they started meanwhile to be found. */
const SWEEP_MS_MAX = 5000;
const LOOK_MS = 20;

export interface SweptSeat {
  readonly home: string;
  readonly runFolder: string;
  readonly instance: string;
  readonly seat: SeatNumber;
}

/** Resolves when nothing of the seat is left; when something does not die in time the log says so. */
export async function sweepSeat(swept: SweptSeat, logger: Logger): Promise<void> {
  try {
    if (await isSwept(swept)) return;
    logger.error({ seat: swept.seat }, "processes of the damaged seat do not die");
  } catch (error) {
    logger.error({ seat: swept.seat, err: error }, "what a damaged seat has left cannot be looked for");
  }
}

async function isSwept(swept: SweptSeat): Promise<boolean> {
  const deadlineMs = performance.now() + SWEEP_MS_MAX;
  for (let left = processesOf(swept); left.length > 0; left = processesOf(swept)) {
    for (const name of left) kill(name);
    if (performance.now() > deadlineMs) return false;
    await delay(LOOK_MS);
  }
  return true;
}

/** First who would start others again: the TaskExecutor, then the forkserver, then tasks by their mark. */
function processesOf({ home, runFolder, instance, seat }: SweptSeat): readonly ProcessName[] {
  const executor = processesWithArguments(["--home", home, "--run", runFolder, "--seat", String(seat)]);
  const forkserver = processesWithArguments([
    "--socket",
    path.join(runFolder, forkserverSocketName(instance, seat)),
  ]);
  const tasks = processesWithEnvironment(MARK_VARIABLE, seatMark(instance, seat));
  return [...executor, ...forkserver, ...tasks.map(({ pid }) => pid)].map(nameProcess);
}

function kill(name: ProcessName): void {
  if (!isLiving(name)) return;
  try {
    process.kill(name.pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
