/** The process of the TaskExecutor: started in its own session, so that it outlives this QWorker; watched until it ends. */
import { spawn } from "node:child_process";
import { actorProgram } from "../src/link/program.ts";
import { isAlive, processStartTime } from "../src/node/process.ts";
import type { ProcessRecord } from "../src/store/workerRecords.ts";

/** One that an earlier holder has started is not our child: it is looked at so often. */
const POLL_MS = 500;

export interface ExecutorProcessHandlers {
  readonly onStarted: (record: ProcessRecord) => void;
  readonly onLost: () => void;
}

export class ExecutorProcess {
  readonly #args: readonly string[];
  readonly #handlers: ExecutorProcessHandlers;
  #current: ProcessRecord | null = null;
  #poll: NodeJS.Timeout | null = null;

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
    child.once("error", () => this.#lost(null));
    if (pid === undefined) return;
    const startTime = processStartTime(pid) ?? "";
    const record = { pid, startTime };
    this.#current = record;
    child.once("exit", () => this.#lost(record));
    child.unref();
    this.#handlers.onStarted(record);
  }

  /** Watches the TaskExecutor of an earlier holder; false if it is not alive. */
  adopt(record: ProcessRecord): boolean {
    if (!isAlive(record.pid, record.startTime)) return false;
    this.#current = record;
    this.#poll = setInterval(() => {
      if (!isAlive(record.pid, record.startTime)) this.#lost(record);
    }, POLL_MS);
    return true;
  }

  kill(): void {
    const record = this.#current;
    if (record === null || !isAlive(record.pid, record.startTime)) return this.#lost(record);
    process.kill(record.pid, "SIGKILL");
  }

  /** Resolves true when it has ended, false at the deadline. */
  async ended(timeoutMs: number): Promise<boolean> {
    const deadlineMs = performance.now() + timeoutMs;
    while (this.#current !== null && isAlive(this.#current.pid, this.#current.startTime)) {
      if (performance.now() >= deadlineMs) return false;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return true;
  }

  #lost(record: ProcessRecord | null): void {
    if (this.#current !== record) return;
    this.#current = null;
    if (this.#poll !== null) clearInterval(this.#poll);
    this.#poll = null;
    this.#handlers.onLost();
  }
}
