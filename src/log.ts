/**
 * The log of an actor: JSON lines in `log/` of the state folder, one file per process role and seat, kept below a bound by
 * starting anew and keeping one predecessor.
 */
import { mkdirSync, renameSync, statSync } from "node:fs";
import path from "node:path";
import pino, { type Logger } from "pino";

/** Two of these per actor: enough for the story of weeks, since single tasks are not logged. */
const LOG_BYTES_MAX = 4 * 1024 * 1024;
const CHECK_INTERVAL_MS = 30_000;

export interface ActorLog {
  readonly logger: Logger;
  /** Writes what is buffered; nothing is logged afterwards. */
  close(): void;
}

export const logPath = (home: string, name: string): string => path.join(home, "log", `${name}.log`);

export function openLog(home: string, name: string): ActorLog {
  const file = logPath(home, name);
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  startAnewWhenLarge(file);
  const destination = pino.destination({ dest: file, sync: true, mkdir: false });
  // A full disk must not take the actor down: what cannot be logged is lost.
  destination.on("error", () => undefined);
  const timer = setInterval(() => {
    if (startAnewWhenLarge(file)) destination.reopen();
  }, CHECK_INTERVAL_MS);
  timer.unref();
  const logger = pino(
    { base: { pid: process.pid, actor: name }, timestamp: pino.stdTimeFunctions.isoTime },
    destination,
  );
  return {
    logger,
    close: () => {
      clearInterval(timer);
      destination.end();
    },
  };
}

function startAnewWhenLarge(file: string): boolean {
  try {
    if (statSync(file).size < LOG_BYTES_MAX) return false;
    renameSync(file, `${file}.1`);
    return true;
  } catch {
    return false;
  }
}
