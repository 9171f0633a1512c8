/**
 * The process of a daemon: a manager in a session of its own, so that it outlives the terminal. It says on descriptor 3
 * that it is ready, or why it cannot be: one line of JSON.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as v from "valibot";
import { type ErrorCode, QrewError } from "../../protocol/errors.ts";

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

/** The program and first arguments that run the manager: compiled beside this file, or from its sources. */
export function managerProgram(): { readonly file: string; readonly args: readonly string[] } {
  const extension = path.extname(fileURLToPath(import.meta.url));
  const main = fileURLToPath(new URL(`../../manager/main${extension}`, import.meta.url));
  if (!existsSync(main))
    throw new QrewError("internal", `${main} is missing: build qrew again with \`npm run build\`.`);
  if (extension !== ".ts") return { file: process.execPath, args: [main] };
  // The daemon's folder is /, where the loader's name would not be found.
  const loader = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
  return { file: process.execPath, args: ["--import", loader, main] };
}

/** A daemon lives longer than what started it, and must not take a task's identity or settings along. */
export function daemonEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("QREW_")));
}

/** Starts a daemon and resolves with what it says of its start. Throws `unreachable` when it says nothing in time. */
export async function startDaemonProcess(launch: DaemonLaunch, timeoutMs: number): Promise<ReadyReport> {
  const program = managerProgram();
  const child = spawn(program.file, [...program.args, ...managerArguments(launch)], {
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

const notReady = (timeoutMs: number): QrewError =>
  new QrewError(
    "unreachable",
    `The daemon was not ready within ${Math.round(timeoutMs / 1000)} s: run \`qrew daemon start --foreground\` to see what it waits for.`,
  );

const cannotSpawn = (error: Error): QrewError =>
  new QrewError("unreachable", `The daemon cannot be started: ${error.message}.`, [], { cause: error });
