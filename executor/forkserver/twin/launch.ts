/** Starting the process of an attempt with what Node has. */
import { type ChildProcess, spawn as spawnProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { accessSync, closeSync, constants, openSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { ForkserverContext, ForkserverSpawn, StartStep } from "../../../protocol/forkserverLink.ts";
import { EAGAIN, EIO, ENOENT, ENOEXEC, ENOMEM } from "../errnos.ts";
import { needsShell } from "./program.ts";

export type Launch =
  /** `child.pid` may still be undefined: then its `error` event follows. */
  | { readonly ok: true; readonly child: ChildProcess }
  | { readonly ok: false; readonly step: StartStep; readonly errno: number };

class StartFailure extends Error {
  readonly step: StartStep;
  readonly errno: number;

  constructor(step: StartStep, errno: number) {
    super(step);
    this.step = step;
    this.errno = errno;
  }
}

/** O_NONBLOCK, so that a pipe somebody put there cannot stop the forkserver. */
const OUTPUT_FLAGS =
  constants.O_WRONLY |
  constants.O_CREAT |
  constants.O_APPEND |
  constants.O_TRUNC |
  constants.O_NOCTTY |
  constants.O_NONBLOCK;

export function launch(context: ForkserverContext, spawn: ForkserverSpawn): Launch {
  const files: number[] = [];
  const step = (name: StartStep, open: () => number): number => {
    const file = attemptStep(name, open);
    files.push(file);
    return file;
  };
  try {
    const cwd = attemptStep("chdir", () => enterable(context.directory, spawn.workdir));
    const input = step("stdin", () => openInput(spawn.stdin));
    const stdout = step("stdout", () => openSync(spawn.stdoutPath, OUTPUT_FLAGS, 0o600));
    const stderr =
      spawn.stderrPath === spawn.stdoutPath
        ? stdout
        : step("stderr", () => openSync(spawn.stderrPath, OUTPUT_FLAGS, 0o600));
    return {
      ok: true,
      child: attemptStep("exec", () => start(context, spawn, cwd, [input, stdout, stderr])),
    };
  } catch (error) {
    if (error instanceof StartFailure) return { ok: false, step: error.step, errno: error.errno };
    throw error;
  } finally {
    for (const file of files) closeSync(file);
  }
}

/** errno of what Node throws, as a positive number. */
export function errnoOf(error: unknown): number {
  const errno = error instanceof Error && "errno" in error ? error.errno : null;
  return typeof errno === "number" && errno < 0 ? -errno : EIO;
}

/** The node could not give a process: not the command's fault. */
export const stepOfError = (errno: number): StartStep =>
  errno === EAGAIN || errno === ENOMEM ? "spawn" : "exec";

function attemptStep<Result>(name: StartStep, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    const errno = errnoOf(error);
    throw new StartFailure(name === "exec" ? stepOfError(errno) : name, errno);
  }
}

/** Node tells a missing folder and a missing command alike, so the folder is looked at first. */
function enterable(directory: string, workdir: string): string {
  assertEnterable(directory);
  const cwd = resolve(directory, workdir);
  if (cwd !== directory) assertEnterable(cwd);
  return cwd;
}

function assertEnterable(folder: string): void {
  // The slash makes anything but a folder fail with ENOTDIR.
  statSync(`${folder}/`);
  accessSync(folder, constants.X_OK);
}

function openInput(text: string | null): number {
  if (text === null) return openSync("/dev/null", "r");
  const path = join(tmpdir(), `qrew-stdin-${randomUUID()}`);
  try {
    writeFileSync(path, text, { flag: "wx", mode: 0o600 });
    return openSync(path, "r");
  } finally {
    rmSync(path, { force: true });
  }
}

function start(
  context: ForkserverContext,
  spawn: ForkserverSpawn,
  cwd: string,
  stdio: [number, number, number],
): ChildProcess {
  const [file, ...args] = spawn.argv;
  if (file === undefined || file === "") throw Object.assign(new Error("no command"), { errno: -ENOENT });
  const env = environment([...context.env, ...spawn.env]);
  if (needsShell(file, cwd, env["PATH"])) throw Object.assign(new Error("no program"), { errno: -ENOEXEC });
  const mask = process.umask(context.umask & 0o777);
  try {
    return spawnProcess(file, args, {
      cwd,
      stdio,
      detached: true,
      env,
    });
  } finally {
    process.umask(mask);
  }
}

/** A later entry replaces an earlier one of its name. */
function environment(entries: readonly string[]): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const entry of entries) {
    const equals = entry.indexOf("=");
    if (equals > 0) env[entry.slice(0, equals)] = entry.slice(equals + 1);
  }
  return env;
}
