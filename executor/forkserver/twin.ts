/**
 * The forkserver's twin in TypeScript, for where there is no C compiler: the same socket, commands and rules
 * (protocol/forkserver.md). It cannot measure usage, punch holes or reap orphans; strays are found by their mark.
 *
 * The process that is started starts another one in a session of its own, and exits 0 when that one listens.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { parseTwinOptions } from "./twin/options.ts";
import { closeInherited, serve } from "./twin/serve.ts";
import { claimSocket } from "./twin/socket.ts";

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;
/** Node under load needs a second to start. */
const LISTEN_TIMEOUT_MS = 10_000;

const options = parseTwinOptions(process.argv.slice(2));
if (typeof options === "string") complain(options, EXIT_USAGE);
else if (options.serve) void prepare(options.socketPath);
else startDaemon(options.logPath);

async function prepare(socketPath: string): Promise<void> {
  try {
    closeInherited();
    begin(await claimSocket(socketPath));
  } catch (error) {
    refuse(error);
  }
}

function begin(server: Awaited<ReturnType<typeof claimSocket>>): void {
  if (typeof options === "string") return;
  process.chdir("/");
  process.umask(0o077);
  serve(server, options);
  tellStarter({ listens: true });
}

function refuse(error: unknown): void {
  process.exitCode = EXIT_FAILURE;
  tellStarter({ listens: false, reason: error instanceof Error ? error.message : String(error) });
}

/** The starter may be gone: that is no reason not to serve. */
function tellStarter(message: object): void {
  process.send?.(message, () => {
    if (process.connected) process.disconnect();
  });
}

function startDaemon(logPath: string | null): void {
  let log: number;
  try {
    log = openSync(logPath ?? "/dev/null", "a", 0o600);
  } catch (error) {
    complain(error instanceof Error ? error.message : String(error), EXIT_FAILURE);
    return;
  }
  const script = process.argv[1] ?? "";
  const child = spawn(process.execPath, [...process.execArgv, script, ...process.argv.slice(2), "--serve"], {
    detached: true,
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  const timer = setTimeout(() => {
    child.kill("SIGKILL");
    complain(`it did not listen within ${LISTEN_TIMEOUT_MS} ms`, EXIT_FAILURE);
  }, LISTEN_TIMEOUT_MS);
  child.once("error", (error) => finish(error.message));
  child.once("exit", (code, signal) => finish(`it ended with ${signal ?? code}`));
  child.once("message", (message) => {
    const listens =
      typeof message === "object" && message !== null && "listens" in message && message.listens;
    if (listens === true) finish(null);
    else finish(typeof message === "object" && "reason" in message ? String(message.reason) : "it refused");
  });

  function finish(fault: string | null): void {
    clearTimeout(timer);
    child.removeAllListeners();
    if (child.connected) child.disconnect();
    child.unref();
    if (fault !== null) complain(fault, EXIT_FAILURE);
  }
}

function complain(text: string, exitCode: number): void {
  process.stderr.write(`forkserver: ${text}\n`);
  process.exitCode = exitCode;
}
