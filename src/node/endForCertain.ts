/** Ending a process so that it is certainly gone: what a takeover begins with. */
import { setTimeout as delay } from "node:timers/promises";
import { QrewError } from "../../protocol/errors.ts";
import { isLiving, type ProcessName } from "./process.ts";

/** For a killed process to be gone. One that hangs in the kernel cannot be replaced. */
const KILL_MS_MAX = 10_000;
const LOOK_MS = 5;

/**
 * Kills a process and waits until it is gone: two holders of a seat must never live at the same time. A stopped one dies as
 * well. A pid of which the start time or the boot is another is somebody else's and left alone. Throws `internal` if it does
 * not die.
 */
export async function endForCertain(name: ProcessName): Promise<void> {
  if (!isLiving(name)) return;
  process.kill(name.pid, "SIGKILL");
  const deadlineMs = performance.now() + KILL_MS_MAX;
  while (isLiving(name)) {
    if (performance.now() > deadlineMs) throw new QrewError("internal", `process ${name.pid} does not die`);
    await delay(LOOK_MS);
  }
}
