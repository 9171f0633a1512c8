/** Starting a forkserver: the C program where there is one, else its TypeScript twin. */
import { spawn } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { QrewError } from "../../protocol/errors.ts";

/** Node under load needs a second to start; the C program a millisecond. */
const START_TIMEOUT_MS = 15_000;

/** More of its complaint than this is not shown. */
const COMPLAINT_BYTES_MAX = 4096;

export interface ForkserverTarget {
  readonly socketPath: string;
  /** Null: it keeps no log. */
  readonly logPath: string | null;
  /** `auto`: C where the program is there and executable, else TypeScript. */
  readonly flavour: "c" | "typescript" | "auto";
  /** How long it goes on with attempts and without a controller. */
  readonly aloneSeconds: number;
  /** Without attempts and controller it leaves after this time. Left out: 10 s. */
  readonly idleSeconds?: number;
  /** Bytes per stream beyond which the middle is punched out (C only). Left out: OUTPUT_BYTES_MAX. */
  readonly outputBytesMax?: number;
  /** Where it may keep files that serve the output of short attempts in turn (C only). Left out: each attempt makes its own. */
  readonly spoolFolder?: string;
  /** Threads that start processes (C only). Left out: by the cpus, and none on up to four. */
  readonly launchers?: number;
}

/** The C program: `$QREW_FORKSERVER`, else beside this compiled file, else in the `dist` of the clone; null if there is none. */
export function findForkserverProgram(): string | null {
  const candidates = [
    process.env["QREW_FORKSERVER"] ?? "",
    fileURLToPath(new URL("./forkserver", import.meta.url)),
    fileURLToPath(new URL("../../dist/executor/forkserver/forkserver", import.meta.url)),
  ];
  return candidates.find((path) => path !== "" && isExecutable(path)) ?? null;
}

/** Resolves when the socket listens. Throws `unreachable` with the starter's own sentence. */
export async function startForkserver(target: ForkserverTarget): Promise<void> {
  const [program, ...args] = commandLine(target);
  if (program === undefined) return;
  const child = spawn(program, args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: environmentOfDaemon(),
    timeout: START_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    if (complaint.length < COMPLAINT_BYTES_MAX) complaint += text;
  });
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string) =>
      reject(new QrewError("unreachable", `the forkserver ${program} did not start: ${why}`));
    child.once("error", (error) => fail(error.message));
    child.once("close", (code, signal) => {
      if (code === 0) resolve();
      else fail(complaint.trim() || `it ended with ${signal ?? `exit code ${code}`}`);
    });
  });
}

function commandLine(target: ForkserverTarget): readonly string[] {
  const options = [
    ["--socket", target.socketPath],
    ["--log", target.logPath],
    ["--alone-seconds", target.aloneSeconds],
    ["--idle-seconds", target.idleSeconds ?? null],
    ["--output-bytes-max", target.outputBytesMax ?? null],
    ["--spool", target.spoolFolder ?? null],
    ["--launchers", target.launchers ?? null],
  ].flatMap(([name, value]) => (value === null ? [] : [String(name), String(value)]));
  const program = target.flavour === "typescript" ? null : findForkserverProgram();
  if (program !== null) return [program, ...options];
  if (target.flavour === "c") {
    throw new QrewError(
      "unreachable",
      "the forkserver is not compiled; run `npm run build` with a C compiler",
    );
  }
  return [process.execPath, ...twinArguments(), ...options];
}

/** As for the C program: beside this compiled file, else in the `dist` of the clone. Sources would need a loader, and long. */
export function twinArguments(): readonly string[] {
  const [beside = "", built = ""] = ["./twin.js", "../../dist/executor/forkserver/twin.js"].map((place) =>
    fileURLToPath(new URL(place, import.meta.url)),
  );
  if (existsSync(beside)) return [beside];
  if (existsSync(built)) return [built];
  const here = fileURLToPath(import.meta.url);
  return [
    "--import",
    createRequire(here).resolve("tsx"),
    fileURLToPath(new URL("./twin.ts", import.meta.url)),
  ];
}

/** A forkserver that is started inside a task must not carry that task's marks: it would be ended with it. */
function environmentOfDaemon(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("QREW_")));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
