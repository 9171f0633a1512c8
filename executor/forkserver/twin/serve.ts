/**
 * The twin as a daemon. serving: until it was asked to leave, or alone for too long. leaving: all attempts are stopped,
 * then it exits and takes its socket with it.
 */
import { closeSync, readdirSync, readFileSync } from "node:fs";
import type { Server } from "node:net";
import { Connections } from "./connections.ts";
import type { TwinOptions } from "./options.ts";

const LEAVE_GRACE_MS = 5000;
/** How often it looks whether it may leave. */
const TICK_MS = 200;
/** Lines in the log in all: a misbehaving peer must not fill a disk. */
const LOG_LINES_MAX = 10_000;

export function serve(server: Server, options: TwinOptions): void {
  let logLines = 0;
  let leaving = false;
  const log = (line: string) => {
    if (++logLines <= LOG_LINES_MAX) process.stderr.write(`${new Date().toISOString()} ${line}\n`);
  };
  const exit = () => {
    clearInterval(tick);
    server.close();
    connections.close();
    setImmediate(() => process.exit(0));
  };
  const connections = new Connections(server, exit, log);
  const leave = (reason: string) => {
    if (leaving) return;
    leaving = true;
    log(`leaving: ${reason}`);
    connections.attempts.leave(LEAVE_GRACE_MS);
  };
  const tick = setInterval(() => {
    const aloneMs = performance.now() - connections.aloneSinceMs;
    const limitMs = connections.attempts.isEmpty() ? options.idleMs : options.aloneMs;
    if (!connections.hasController() && aloneMs >= limitMs) leave("alone for too long");
    if (leaving && connections.attempts.isQuiet()) exit();
    else connections.leaveIfDone();
  }, TICK_MS);
  process.on("SIGTERM", () => leave("asked by a signal"));
  process.on("SIGINT", () => leave("asked by a signal"));
  process.on("SIGHUP", () => {});
  // A defect must not end the attempts' keeper without a trace.
  process.on("uncaughtException", (error) => {
    log(`defect: ${error.stack ?? error.message}`);
  });
  log(`serving ${options.socketPath} as ${process.pid}`);
}

const O_CLOEXEC = 0o2000000;
const STDERR = 2;

/**
 * Closes what this process was started with beside its standard streams, so that no attempt inherits it. Node opens its
 * own descriptors to be closed on exec; whatever else is open is not ours. Called before any other descriptor is opened.
 */
export function closeInherited(): void {
  for (const name of readdirSync("/proc/self/fd")) {
    const file = Number(name);
    if (file <= STDERR) continue;
    try {
      const flags =
        /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${file}`, "latin1"))?.[1] ?? "0";
      if ((Number.parseInt(flags, 8) & O_CLOEXEC) === 0) closeSync(file);
    } catch {
      // The descriptor that listed the folder is gone by now.
    }
  }
}
