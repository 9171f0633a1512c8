import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** An install over a slow network is the longest that another holder may take. */
const WAIT_MS_MAX = 12 * 60_000;
const POLL_MS = 200;

/**
 * Runs `body` while this process alone holds the lock file `path`, so that two commands started at once do not install
 * or build into each other. A lock whose holder has died is taken over.
 */
export async function withLock(path, body) {
  const giveUpAtMs = Date.now() + WAIT_MS_MAX;
  while (!tryTake(path)) {
    if (Date.now() > giveUpAtMs)
      throw new Error(`${path} is held by another command; remove it if none runs.`);
    await sleep(POLL_MS);
  }
  try {
    return await body();
  } finally {
    rmSync(path, { force: true });
  }
}

function tryTake(path) {
  try {
    writeFileSync(path, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  if (!holderLives(path)) rmSync(path, { force: true });
  return false;
}

function holderLives(path) {
  let pid;
  try {
    pid = Number(readFileSync(path, "utf8"));
  } catch {
    return true;
  }
  // Zero: the holder has made the file and not yet written its pid.
  if (pid === 0) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
