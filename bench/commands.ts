/** Commands that are measured: in a process group of their own, so that an interrupted benchmark leaves none of them. */
import { spawn } from "node:child_process";
import { QrewError } from "../protocol/errors.ts";
import { captureEnvironment } from "../src/client/surroundings.ts";

export interface CommandOptions {
  readonly cwd: string;
  readonly signal: AbortSignal;
  readonly env?: Readonly<Record<string, string>>;
  /** Written to its standard input. */
  readonly input?: string;
  readonly timeoutMs?: number;
}

export interface CommandRun {
  /** From before its start to its end. */
  readonly seconds: number;
  readonly stdout: string;
}

/** Slower than anything that is measured here; what hangs must not hang the benchmark. */
const COMMAND_MS_MAX = 10 * 60_000;
const STDERR_SHOWN = 2_000;

/** The same few variables for every contender: what a process inherits is part of what its start costs. */
export const cleanEnvironment = (): Record<string, string> => captureEnvironment(process.env, true);

/** Runs a command to its end. Throws `refused` when it fails, `interrupted` when `signal` ended it. */
export async function runCommand(
  command: readonly string[],
  { cwd, signal, env = {}, input, timeoutMs = COMMAND_MS_MAX }: CommandOptions,
): Promise<CommandRun> {
  signal.throwIfAborted();
  const [file = "", ...args] = command;
  const startedMs = performance.now();
  const child = spawn(file, args, {
    cwd,
    detached: true,
    env: { ...cleanEnvironment(), ...env },
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  const endGroup = (): void => killGroup(child.pid);
  signal.addEventListener("abort", endGroup);
  const late = setTimeout(endGroup, timeoutMs);
  try {
    const out: Buffer[] = [];
    let stderr = "";
    child.stdout?.on("data", (piece: Buffer) => out.push(piece));
    child.stderr?.on("data", (piece: Buffer) => {
      if (stderr.length < STDERR_SHOWN) stderr += piece.toString();
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
    const end = await new Promise<string>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, by) => resolve(code === 0 ? "" : (by ?? `exit code ${code}`)));
    });
    const seconds = (performance.now() - startedMs) / 1000;
    signal.throwIfAborted();
    if (end !== "")
      throw new QrewError(
        "refused",
        `${command.slice(0, 4).join(" ")} … ended with ${end}: ${stderr.trim()}`,
      );
    return { seconds, stdout: Buffer.concat(out).toString() };
  } finally {
    clearTimeout(late);
    signal.removeEventListener("abort", endGroup);
  }
}

/** The group of a child that was started `detached`. */
export function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
