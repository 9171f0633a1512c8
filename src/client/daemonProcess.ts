/**
 * The process of a daemon: a manager in a session of its own, so that it outlives the terminal. It says on descriptor 3
 * that it is ready, or why it cannot be: one line of JSON.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { Readable } from "node:stream";
import * as v from "valibot";
import { ERROR_CODES, type ErrorCode, QrewError } from "../../protocol/errors.ts";
import { actorProgram } from "../link/program.ts";
import { readSettings } from "./settings.ts";

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

export interface DaemonLaunch {
  /** State folder, absolute. */
  readonly home: string;
  readonly transient: boolean;
  readonly resources: DaemonResources;
}

/** The arguments of the manager, without the program itself. */
export function managerArguments({ home, transient, resources }: DaemonLaunch): readonly string[] {
  const args = ["--home", home];
  if (transient) args.push("--transient");
  if (resources.cpus !== undefined) args.push("--cpus", String(resources.cpus));
  if (resources.memory !== undefined) args.push("--memory", resources.memory);
  if (resources.gpus !== undefined) args.push("--gpus", String(resources.gpus));
  for (const [name, amount] of Object.entries(resources.named ?? {})) {
    args.push("--resource", `${name}=${amount}`);
  }
  return args;
}

/** A daemon lives longer than what started it, and must not take a task's identity or settings along. */
export function daemonEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("QREW_")));
}

/** Starts a daemon and resolves with what it says of its start. Throws `unreachable` when it says nothing in time. */
export async function startDaemonProcess(launch: DaemonLaunch, timeoutMs: number): Promise<ReadyReport> {
  const child = spawnManager(withSettings(launch), { detached: true, output: "ignore" });
  try {
    return await readyReport(child, timeoutMs);
  } finally {
    child.unref();
  }
}

/** What was not asked for is as the settings of the state folder say. Throws `usage` for settings that cannot be read. */
export function withSettings(launch: DaemonLaunch): DaemonLaunch {
  const settings = readSettings(launch.home);
  const [cpus, memory, gpus] = [
    settings.get("daemon.cpus"),
    settings.get("daemon.memory"),
    settings.get("daemon.gpus"),
  ];
  const named = settings.get("daemon.resources");
  const ofSettings: DaemonResources = {
    ...(cpus === undefined ? {} : { cpus: Number(cpus) }),
    ...(memory === undefined ? {} : { memory }),
    ...(gpus === undefined ? {} : { gpus: Number(gpus) }),
    ...(named === undefined ? {} : { named: namedOf(named) }),
  };
  return { ...launch, resources: { ...ofSettings, ...launch.resources } };
}

const namedOf = (text: string): Readonly<Record<string, number>> =>
  Object.fromEntries(
    text
      .split(",")
      .map((part) => [part.slice(0, part.indexOf("=")), Number(part.slice(part.indexOf("=") + 1))]),
  );

export interface SpawnOptions {
  /** In a session of its own. */
  readonly detached: boolean;
  readonly output: "ignore" | "inherit";
}

/** The process of a manager, with the pipe on which `readyReport` listens. */
export function spawnManager(launch: DaemonLaunch, { detached, output }: SpawnOptions): ChildProcess {
  const { file, args } = actorProgram("manager");
  return spawn(file, [...args, ...managerArguments(launch)], {
    detached,
    cwd: "/",
    env: daemonEnvironment(process.env),
    stdio: ["ignore", output, output, "pipe"],
  });
}

/** What a manager says of its start; a failure too when it dies without a word. Closes the pipe. */
export function readyReport(child: ChildProcess, timeoutMs: number): Promise<ReadyReport> {
  const pipe = child.stdio[3];
  if (!(pipe instanceof Readable)) throw new QrewError("internal", "The manager was started without a pipe.");
  return new Promise((resolve, reject) => {
    let text = "";
    const settle = (how: () => void): void => {
      clearTimeout(deadline);
      pipe.destroy();
      how();
    };
    const deadline = setTimeout(() => settle(() => reject(notReady(timeoutMs))), timeoutMs);
    child.once("error", (error) => settle(() => reject(cannotSpawn(error))));
    pipe.setEncoding("utf8");
    pipe.on("data", (piece: string) => {
      text += piece;
      if (text.includes("\n") || text.length > READY_LINE_BYTES_MAX)
        settle(() => resolve(parseReadyLine(text)));
    });
    pipe.once("error", () => settle(() => resolve(parseReadyLine(text))));
    pipe.once("end", () => settle(() => resolve(parseReadyLine(text))));
  });
}

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

const notReady = (timeoutMs: number): QrewError =>
  new QrewError(
    "unreachable",
    `The daemon was not ready within ${Math.round(timeoutMs / 1000)} s: run \`qrew daemon start --foreground\` to see what it waits for.`,
  );

const cannotSpawn = (error: Error): QrewError =>
  new QrewError("unreachable", `The daemon cannot be started: ${error.message}.`, [], { cause: error });
