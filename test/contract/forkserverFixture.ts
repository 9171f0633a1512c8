/** A forkserver of one flavour in a folder of its own, with a controller that remembers every fact. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  connectExisting,
  type ForkserverClient,
  type ForkserverTarget,
  findForkserverProgram,
  openForkserver,
} from "../../executor/forkserver/client.ts";
import { sweepMarked } from "../../executor/forkserver/sweep.ts";
import type {
  ForkserverCommand,
  ForkserverEnded,
  ForkserverFact,
  ForkserverSpawn,
} from "../../protocol/forkserverLink.ts";
import { type AttemptId, attemptKey, type JobSeq, jobSeq, taskIndex } from "../../protocol/ids.ts";

/** Far beyond what anything here takes, so that a loaded machine fails no test. */
const DEADLINE_MS = 20_000;

export type Flavour = "c" | "typescript";

/** Compiles it if need be; null where there is no compiler. */
export function prepareProgram(): string | null {
  execFileSync(process.execPath, ["scripts/build-forkserver.mjs"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return findForkserverProgram();
}

/** Looks again until the check gives something. Throws what it waited for at the deadline. */
export async function eventually<Result>(
  what: string,
  check: () => Result | null | undefined | false,
): Promise<Result> {
  const endMs = performance.now() + DEADLINE_MS;
  for (;;) {
    const result = check();
    if (result !== null && result !== undefined && result !== false) return result;
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}

/** Neither gone nor a zombie. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !["Z", "X"].includes(stat[stat.lastIndexOf(")") + 2] ?? "X");
  } catch {
    return false;
  }
}

/** The pids that a task wrote to a file, one per line, as soon as there are so many. */
export function pidsIn(path: string, count: number): Promise<number[]> {
  return eventually(`${count} pids in ${path}`, () => {
    const pids = readTextIfAny(path).split("\n").slice(0, -1).map(Number);
    return pids.length >= count ? pids : null;
  });
}

export function readTextIfAny(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

export class Controller {
  readonly client: ForkserverClient;
  readonly facts: ForkserverFact[] = [];
  closedBecause: string | null = null;
  private waiters: (() => void)[] = [];

  constructor(client: ForkserverClient) {
    this.client = client;
    client.listen({
      onFacts: (facts) => {
        this.facts.push(...facts);
        this.wake();
      },
      onClosed: (reason) => {
        this.closedBecause = reason;
        this.wake();
      },
    });
  }

  send(...commands: ForkserverCommand[]): void {
    this.client.send(commands);
  }

  /** The first value that `find` sees in the facts, those that came already included. */
  async until<Result>(what: string, find: () => Result | undefined | null | false): Promise<Result> {
    const endMs = performance.now() + DEADLINE_MS;
    for (;;) {
      const result = find();
      if (result !== undefined && result !== null && result !== false) return result;
      const leftMs = endMs - performance.now();
      if (leftMs <= 0)
        throw new Error(`waited in vain for ${what}; facts: ${JSON.stringify(this.facts.slice(-20))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  of<Type extends ForkserverFact["type"]>(type: Type): Extract<ForkserverFact, { type: Type }>[] {
    return this.facts.filter((fact): fact is Extract<ForkserverFact, { type: Type }> => fact.type === type);
  }

  started(key: AttemptId) {
    return this.until(`start of ${attemptKey(key)}`, () =>
      this.of("started").find((fact) => sameKey(fact.key, key)),
    );
  }

  ended(key: AttemptId): Promise<ForkserverEnded> {
    return this.until(`end of ${attemptKey(key)}`, () =>
      this.of("ended").find((fact) => sameKey(fact.key, key)),
    );
  }

  jobClosed(job: JobSeq) {
    return this.until(`close of job ${job}`, () => this.of("jobClosed").find((fact) => fact.job === job));
  }

  capSet(job: JobSeq, serial: number) {
    return this.until("cap", () =>
      this.of("capSet").find((fact) => fact.job === job && fact.serial === serial),
    );
  }

  closed(): Promise<string> {
    return this.until("the end of the connection", () => this.closedBecause);
  }

  private wake(): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const waiter of waiters) waiter();
  }
}

export const sameKey = (left: AttemptId, right: AttemptId): boolean => attemptKey(left) === attemptKey(right);

export type SpawnOptions = Partial<Omit<ForkserverSpawn, "type" | "key">>;

export class Fixture {
  readonly folder: string;
  readonly target: ForkserverTarget;
  /** First part of every mark, so that nothing of another test run is ever touched. */
  readonly instance: string;
  private readonly controllers: Controller[] = [];
  private jobs = 0;
  private tasks = 0;

  constructor(flavour: Flavour, options: Partial<ForkserverTarget> = {}) {
    this.folder = mkdtempSync(join(tmpdir(), "qrew-fork-"));
    this.instance = this.folder.slice(this.folder.lastIndexOf("/") + 1);
    this.target = {
      socketPath: join(this.folder, "fork.sock"),
      logPath: join(this.folder, "log"),
      flavour,
      aloneSeconds: 60,
      idleSeconds: 60,
      ...options,
    };
  }

  async open(): Promise<Controller> {
    const controller = new Controller(await openForkserver(this.target));
    this.controllers.push(controller);
    return controller;
  }

  /** Ends the forkserver and all it runs, and removes every file. */
  async dispose(): Promise<void> {
    for (const { client } of this.controllers) client.close();
    const client = await connectExisting(this.target.socketPath);
    if (client !== null) {
      client.close();
      process.kill(client.pid, "SIGKILL");
      await eventually("the end of the forkserver", () => !isAlive(client.pid));
    }
    await sweepMarked(`${this.instance}/`, 0);
    rmSync(this.folder, { recursive: true, force: true });
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  mark(job: JobSeq): string {
    return `${this.instance}/${job}/`;
  }

  /** A job with a context and a cap, in a folder of its own. */
  job(controller: Controller, capMilli: number, env: readonly string[] = []): JobSeq {
    const job = jobSeq(++this.jobs);
    const directory = this.path(`job${job}`);
    mkdirSync(directory);
    const base = [`PATH=${process.env["PATH"] ?? "/bin:/usr/bin"}`, ...env];
    controller.send(
      { type: "context", job, directory, umask: 0o022, env: base },
      { type: "setCap", job, serial: 0, cpusMilli: capMilli },
    );
    return job;
  }

  spawn(job: JobSeq, argv: readonly string[] | string, options: SpawnOptions = {}): ForkserverSpawn {
    const task = taskIndex(++this.tasks);
    const mark = `${this.mark(job)}${task}/1`;
    return {
      type: "spawn",
      key: { job, task, attempt: 1 },
      cpusMilli: 1000,
      argv: typeof argv === "string" ? ["/bin/sh", "-c", argv] : argv,
      workdir: "",
      stdin: null,
      stdoutPath: this.path(`${task}.out`),
      stderrPath: this.path(`${task}.err`),
      mark,
      ...options,
      env: [`QREW_MARK=${mark}`, ...(options.env ?? [])],
    };
  }

  /** Sends it and waits for its end. */
  async run(
    controller: Controller,
    job: JobSeq,
    argv: readonly string[] | string,
    options: SpawnOptions = {},
  ) {
    const spawn = this.spawn(job, argv, options);
    controller.send(spawn);
    const ended = await controller.ended(spawn.key);
    return { spawn, ended, stdout: readTextIfAny(spawn.stdoutPath), stderr: readTextIfAny(spawn.stderrPath) };
  }
}
