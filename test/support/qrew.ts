/**
 * A state folder of its own with the real, built `qrew`: commands as a user types them, and an end that leaves nothing.
 *
 * The daemon of the folder is whatever the commands start. `close` stops it at once and fails if a process of it is left.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type Client, connect, type ConnectOptions } from "../../src/client/index.ts";
import { currentHomeInputs, openHome } from "../../src/node/home.ts";
import { recorder } from "../unit/cli/recorder.ts";

/** The built command line; scripts/test.mjs builds before it runs tests. */
export const QREW_MAIN = fileURLToPath(new URL("../../dist/src/cli/main.js", import.meta.url));
export const MANAGER_MAIN = fileURLToPath(new URL("../../dist/manager/main.js", import.meta.url));

export interface CommandResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  /** The same before it was taken for UTF-8. */
  readonly stdoutBytes: Buffer;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  /** A command and its arguments in front, which execute the rest: `taskset -c 0`. */
  readonly through?: readonly string[];
  /** Another build's main file. */
  readonly main?: string;
  /** A command that takes longer is killed, and the test fails. */
  readonly timeoutMs?: number;
}

const COMMAND_MS_MAX = 120_000;

export class QrewFolder {
  /** Holds everything: the state folder and files of the test. */
  readonly folder: string;
  readonly home: string;
  /** Where commands run unless told otherwise. */
  readonly work: string;
  /** Those that have not ended. */
  readonly #commands = new Set<ChildProcess>();

  constructor() {
    this.folder = mkdtempSync(path.join(os.tmpdir(), "q-"));
    this.home = path.join(this.folder, "home");
    this.work = path.join(this.folder, "work");
    mkdirSync(this.work);
  }

  /** The environment of a command. It names the folder, so that tasks, which inherit it, are found if they are left behind. */
  environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
    return { ...process.env, QREW_HOME: this.home, TEST_FOLDER: this.folder, NO_COLOR: "1", ...more };
  }

  /** Starts a command and does not wait for it. */
  spawn(args: readonly string[], options: CommandOptions = {}): ChildProcess {
    const [file = process.execPath, ...rest] = [
      ...(options.through ?? []),
      process.execPath,
      options.main ?? QREW_MAIN,
      ...args,
    ];
    const child = spawn(file, rest, {
      cwd: options.cwd ?? this.work,
      env: this.environment(options.env),
      stdio: ["pipe", "pipe", "pipe"],
    });
    if (child.pid !== undefined) this.#commands.add(child);
    child.once("exit", () => this.#commands.delete(child));
    return child;
  }

  /** Runs a command to its end. */
  run(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    const child = this.spawn(args, options);
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(options.input ?? "");
    return new Promise((resolve, reject) => {
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      child.stdout?.on("data", (piece: Buffer) => out.push(piece));
      child.stderr?.on("data", (piece: Buffer) => err.push(piece));
      const timeoutMs = options.timeoutMs ?? COMMAND_MS_MAX;
      let isLate = false;
      const late = setTimeout(() => {
        isLate = true;
        child.kill("SIGKILL");
      }, timeoutMs);
      child.once("error", reject);
      child.once("close", (code, signal) => {
        clearTimeout(late);
        const stdoutBytes = Buffer.concat(out);
        const stderr = Buffer.concat(err).toString();
        if (isLate) reject(new Error(`qrew ${args.join(" ")} took more than ${timeoutMs} ms: ${stderr}`));
        else resolve({ code, signal, stdout: stdoutBytes.toString(), stdoutBytes, stderr });
      });
    });
  }

  /**
   * The same command within this process, which takes milliseconds instead of the third of a second of a new one. For
   * looking and waiting, where how it looks as a process is not what is tested: folder and environment are those of
   * this process, and there is no stdin. A daemon that it starts is a process as ever.
   */
  async call(...args: readonly string[]): Promise<CommandResult> {
    const inputs = currentHomeInputs();
    const environment = { ...inputs.environment, QREW_HOME: this.home };
    const command = recorder(() => openHome({ ...inputs, environment }));
    const code = await command.run(...args);
    const stdoutBytes = command.bytes();
    return { code, signal: null, stdout: stdoutBytes.toString(), stdoutBytes, stderr: command.stderr() };
  }

  /** Submits a document as `run` would, from this process: in `work`, and with an environment that names the folder. */
  async submit(file: string): Promise<number> {
    const client = await this.client();
    try {
      const document = readFileSync(file);
      // The environment is taken at once.
      const submitted = withVariable("TEST_FOLDER", this.folder, () =>
        client.submit(document, { source: file, directory: this.work }),
      );
      return (await submitted).job;
    } finally {
      await client.close();
    }
  }

  /** The library on the same folder. */
  client(options: Omit<ConnectOptions, "home"> = {}): Promise<Client> {
    return connect({ ...options, home: this.home });
  }

  async close(): Promise<void> {
    await this.#endCommands();
    const isGone = processesNaming(this.folder).length === 0;
    const stopped = isGone ? null : await this.call("daemon", "stop", "--now", "--timeout", "60s");
    const left = processesNaming(this.folder);
    const named = left.map(describe);
    for (const pid of left) killIfThere(pid);
    rmSync(this.folder, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`processes were left behind: ${named.join("; ")}`);
    if (stopped !== null && stopped.code !== 0 && stopped.code !== 4)
      throw new Error(`daemon stop: ${stopped.stderr}`);
  }

  /** A test that ran out of time leaves the command that it waited for; that could start the next daemon. */
  async #endCommands(): Promise<void> {
    const ended = [...this.#commands].map((child) => once(child, "exit"));
    for (const child of this.#commands) child.kill("SIGKILL");
    await Promise.all(ended);
  }
}

/** A folder for the time of `body`. */
export async function withQrew(body: (qrew: QrewFolder) => Promise<void>): Promise<void> {
  const folder = new QrewFolder();
  try {
    await body(folder);
  } catch (error) {
    // What the test found says more than what its end was like.
    await folder.close().catch(() => undefined);
    throw error;
  }
  await folder.close();
}

/** `body` with a variable of this process, which it may read before its first wait. */
function withVariable<Result>(name: string, value: string, body: () => Result): Result {
  process.env[name] = value;
  try {
    return body();
  } finally {
    delete process.env[name];
  }
}

/** What a failure has to say about a process that should not be there. */
function describe(pid: number): string {
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    const [, fields = ""] = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ");
    const [state, parent] = fields.split(" ");
    return `${pid} (${args}), ${state}, child of ${parent}`;
  } catch {
    return `${pid}, gone meanwhile`;
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

/** Living processes (no zombies) whose command line or environment names the folder: actors by their arguments, tasks by theirs. */
export function processesNaming(folder: string): number[] {
  const found: number[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      const text =
        readFileSync(`/proc/${pid}/cmdline`, "latin1") + readFileSync(`/proc/${pid}/environ`, "latin1");
      const state = /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
      if (text.includes(folder) && state !== "Z" && state !== "X") found.push(pid);
    } catch {
      // It has ended meanwhile, or is somebody else's.
    }
  }
  return found;
}
