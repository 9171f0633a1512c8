/**
 * Reaches the daemon of a state folder, and starts it where none runs.
 *
 * A daemon is one manager process in a session of its own, so that it outlives the terminal. It says on descriptor 3 that
 * it is ready, or why it cannot be: one line of JSON. Of two that are started at once the lock lets one live; the other's
 * starter connects to it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as v from "valibot";
import { type ErrorCode, QrewError } from "../../protocol/errors.ts";
import { MANAGER_SOCKET_NAME } from "../../protocol/ids.ts";
import type { Home } from "../node/home.ts";
import { type Connection, openConnection } from "./connection.ts";
import { livingHolder } from "./holder.ts";

/** Starting takes about half a second; a slow disk and a large queue may make it many. */
export const DAEMON_START_TIMEOUT_MS = 20_000;

/** Between two looks for a socket that is about to appear. */
const RETRY_MS = 50;

/** How long a living holder of the folder is given to listen or to leave before a start is tried again. */
const HELD_WAIT_MS = 1_000;

/** A first refusal without a living holder may come from one that has just left; a second is meant. */
const REFUSALS_MAX = 2;

/** The line on descriptor 3 has a message for people; more than this is no such line. */
const READY_LINE_BYTES_MAX = 64 * 1024;

/** What the daemon may use of this machine; absent is what this process may use. */
export interface DaemonResources {
  readonly cpus?: number;
  /** With a unit, as `4G`. */
  readonly memory?: string;
  readonly gpus?: number;
  readonly named?: Readonly<Record<string, number>>;
}

export interface DaemonOptions {
  readonly home: Home;
  readonly start: "ifAbsent" | "never";
  /** A daemon that is started here leaves when it has been idle for a while. */
  readonly transient: boolean;
  readonly resources?: DaemonResources;
}

export interface ReachedDaemon {
  readonly connection: Connection;
  /** Whether this call started it; if not, `resources` and `transient` had no effect. */
  readonly started: boolean;
}

/**
 * A connection to the daemon of `home`, started if allowed. Throws `unreachable` when there is none or it does not come up
 * within DAEMON_START_TIMEOUT_MS, `otherVersion`, or what the daemon says of its own failure.
 */
export async function ensureDaemon(options: DaemonOptions): Promise<ReachedDaemon> {
  const socketPath = path.join(options.home.runFolder, MANAGER_SOCKET_NAME);
  const deadlineMs = performance.now() + DAEMON_START_TIMEOUT_MS;
  let waitMs = 0;
  let refusals = 0;
  for (;;) {
    const found = await connectWithin(socketPath, waitMs);
    if (found !== null) return { connection: found, started: false };
    if (options.start === "never") throw noDaemon(options.home);
    const leftMs = deadlineMs - performance.now();
    if (leftMs <= 0) throw silentDaemon(options.home);
    const report = await startDaemon(options, leftMs);
    if (report.type === "ready") {
      const connection = await connectWithin(socketPath, leftMs);
      if (connection === null) throw silentDaemon(options.home);
      return { connection, started: true };
    }
    if (report.code !== "refused") throw new QrewError(report.code, report.message);
    // Another one holds the folder and is about to listen, or was about to leave: then the place is free at once.
    const isHeld = (await livingHolder(options.home)) !== null;
    refusals += 1;
    if (!isHeld && refusals >= REFUSALS_MAX) throw new QrewError(report.code, report.message);
    waitMs = isHeld ? HELD_WAIT_MS : RETRY_MS;
  }
}

/** Looks at least once; null when nobody listens all the time. */
async function connectWithin(socketPath: string, waitMs: number): Promise<Connection | null> {
  const deadlineMs = performance.now() + waitMs;
  for (;;) {
    const outcome = await openConnection(socketPath);
    if (outcome.type === "connected") return outcome.connection;
    if (performance.now() >= deadlineMs) return null;
    await delay(RETRY_MS);
  }
}

/** The arguments of the manager, without the program itself. */
export function managerArguments(home: string, transient: boolean, resources: DaemonResources = {}): readonly string[] {
  const args = ["--home", home];
  if (transient) args.push("--transient");
  if (resources.cpus !== undefined) args.push("--cpus", String(resources.cpus));
  if (resources.memory !== undefined) args.push("--memory", resources.memory);
  if (resources.gpus !== undefined) args.push("--gpus", String(resources.gpus));
  for (const [name, amount] of Object.entries(resources.named ?? {})) args.push("--resource", `${name}=${amount}`);
  return args;
}

/** The program and first arguments that run the manager: compiled beside this file, or from its sources. */
export function managerProgram(): { readonly file: string; readonly args: readonly string[] } {
  const extension = path.extname(fileURLToPath(import.meta.url));
  const main = fileURLToPath(new URL(`../../manager/main${extension}`, import.meta.url));
  if (!existsSync(main)) throw new QrewError("internal", `${main} is missing: build qrew again with \`npm run build\`.`);
  if (extension !== ".ts") return { file: process.execPath, args: [main] };
  // The daemon's folder is /, where the loader's name would not be found.
  const loader = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
  return { file: process.execPath, args: ["--import", loader, main] };
}

/** A daemon lives longer than what started it, and must not take a task's identity or settings along. */
export function daemonEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("QREW_")));
}

async function startDaemon(options: DaemonOptions, timeoutMs: number): Promise<ReadyReport> {
  const program = managerProgram();
  const args = [...program.args, ...managerArguments(options.home.folder, options.transient, options.resources)];
  const child = spawn(program.file, args, {
    detached: true,
    cwd: "/",
    env: daemonEnvironment(process.env),
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  try {
    return parseReadyLine(await readyLine(child, timeoutMs));
  } finally {
    child.unref();
    const pipe = child.stdio[3];
    if (pipe instanceof Readable) pipe.destroy();
  }
}

/** Resolves with what the daemon wrote until it closed the pipe; empty when it died without a word. */
function readyLine(child: ChildProcess, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const pipe = child.stdio[3];
    let text = "";
    const deadline = setTimeout(() => settle(() => reject(notReady(timeoutMs))), timeoutMs);
    const settle = (how: () => void): void => {
      clearTimeout(deadline);
      how();
    };
    child.once("error", (error) => settle(() => reject(cannotSpawn(error))));
    if (!(pipe instanceof Readable)) return;
    pipe.setEncoding("utf8");
    pipe.on("data", (piece: string) => {
      if (text.length < READY_LINE_BYTES_MAX) text += piece;
    });
    pipe.once("error", () => settle(() => resolve(text)));
    pipe.once("end", () => settle(() => resolve(text)));
  });
}

const ERROR_CODES = [
  "usage",
  "invalidDocument",
  "notFound",
  "unreachable",
  "otherVersion",
  "refused",
  "storeFull",
  "storeDamaged",
  "fenced",
  "interrupted",
  "internal",
] as const satisfies readonly ErrorCode[];

const readyLineSchema = v.union([
  v.object({ ready: v.literal(true), pid: v.number() }),
  v.object({ error: v.object({ code: v.picklist(ERROR_CODES), message: v.string() }) }),
]);

export type ReadyReport =
  | { readonly type: "ready"; readonly pid: number }
  | { readonly type: "failed"; readonly code: ErrorCode; readonly message: string };

/** What a daemon says of its start. Silence is a failure too. */
export function parseReadyLine(line: string): ReadyReport {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), readyLineSchema), line.trim());
  if (parsed.success && "ready" in parsed.output) return { type: "ready", pid: parsed.output.pid };
  if (parsed.success && "error" in parsed.output) return { type: "failed", ...parsed.output.error };
  const message =
    "The daemon ended before it was ready: run `qrew daemon start --foreground` to see what it says about it.";
  return { type: "failed", code: "unreachable", message };
}

function noDaemon(home: Home): QrewError {
  return new QrewError(
    "unreachable",
    `No daemon runs for the state folder ${home.folder}: start one with \`qrew daemon start\`, or set QREW_HOME to the folder that you mean.`,
  );
}

const silentDaemon = (home: Home): QrewError =>
  new QrewError(
    "unreachable",
    `The daemon of ${home.folder} runs but takes no connections: stop it with \`qrew daemon stop --now\`.`,
  );

const notReady = (timeoutMs: number): QrewError =>
  new QrewError(
    "unreachable",
    `The daemon was not ready within ${Math.round(timeoutMs / 1000)} s: run \`qrew daemon start --foreground\` to see what it waits for.`,
  );

const cannotSpawn = (error: Error): QrewError =>
  new QrewError("unreachable", `The daemon cannot be started: ${error.message}.`, [], { cause: error });
