/** The process of the TaskExecutor: started in its own session, so that it outlives this QWorker; watched until it ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { actorProgram } from "../src/link/program.ts";
import { isLiving, nameProcess, type ProcessName } from "../src/node/process.ts";
import { isScarcity } from "../src/node/scarcity.ts";
import { ProcessWatch } from "../src/node/processWatch.ts";

export interface ExecutorProcessHandlers {
  readonly onStarted: (record: ProcessName) => void;
  readonly onLost: (killed: boolean) => void;
}

export class ExecutorProcess {
  readonly #args: readonly string[];
  readonly #handlers: ExecutorProcessHandlers;
  #current: ProcessName | null = null;
  /** Of one that an earlier holder has started: it is not our child. */
  #watch: ProcessWatch | null = null;

  constructor(args: readonly string[], handlers: ExecutorProcessHandlers) {
    this.#args = args;
    this.#handlers = handlers;
  }

  get pid(): number | null {
    return this.#current?.pid ?? null;
  }

  start(): void {
    const { file, args } = actorProgram("executor");
    const child = spawn(file, [...args, ...this.#args], { detached: true, cwd: "/", stdio: "ignore" });
    const { pid } = child;
    child.once("error", () => this.#lost(null, false));
    if (pid === undefined) return;
    const record = this.#nameOf(child, pid);
    if (record === null) return;
    this.#current = record;
    child.once("exit", (_, signal) => this.#lost(record, signal !== null));
    child.unref();
    this.#handlers.onStarted(record);
  }

  /** Without a descriptor to read who it is it could not be found again: it is not kept. */
  #nameOf(child: ChildProcess, pid: number): ProcessName | null {
    try {
      return nameProcess(pid);
    } catch (error) {
      if (!isScarcity(error)) throw error;
      child.once("exit", () => this.#lost(null, false));
      child.kill("SIGKILL");
      return null;
    }
  }

  /** Watches the TaskExecutor of an earlier holder; false if it is not alive. */
  adopt(record: ProcessName): boolean {
    if (!isLiving(record)) return false;
    this.#current = record;
    this.#watch = new ProcessWatch(record, () => this.#lost(record, false));
    return true;
  }

  /**
   * Whether the TaskExecutor that greets is the one of this seat. One that an earlier holder has started and not put on record is
   * ended, and ours with it: each may have taken over the forkserver before the other started attempts there. The next one finds all.
   */
  recognises(pid: number): boolean {
    if (this.#current?.pid === pid) return true;
    if (isLiving(nameProcess(pid))) process.kill(pid, "SIGKILL");
    if (this.#current !== null) this.kill();
    return false;
  }

  kill(): void {
    const record = this.#current;
    if (record === null || !isLiving(record)) return this.#lost(record, false);
    process.kill(record.pid, "SIGKILL");
  }

  /** Resolves true when it has ended, false at the deadline. */
  async ended(timeoutMs: number): Promise<boolean> {
    const deadlineMs = performance.now() + timeoutMs;
    while (this.#current !== null && isLiving(this.#current)) {
      if (performance.now() >= deadlineMs) return false;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return true;
  }

  #lost(record: ProcessName | null, killed: boolean): void {
    if (this.#current !== record) return;
    this.#current = null;
    this.#watch?.stop();
    this.#watch = null;
    this.#handlers.onLost(killed);
  }
}
