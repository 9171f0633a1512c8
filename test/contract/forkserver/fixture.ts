/** A forkserver of one flavour in a folder of its own. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  connectExisting,
  type ForkserverTarget,
  openForkserver,
} from "../../../executor/forkserver/client.ts";
import { sweepMarked } from "../../../executor/forkserver/sweep.ts";
import type { ForkserverFlavour, ForkserverSpawn } from "../../../protocol/forkserverLink.ts";
import { type JobSeq, jobSeq, taskIndex } from "../../../protocol/ids.ts";
import { Controller } from "./controller.ts";
import { eventually, isAlive, readTextIfAny } from "./lookups.ts";
import { complaintIn, isSanitized } from "./sanitized.ts";

export type SpawnOptions = Partial<Omit<ForkserverSpawn, "type" | "key">>;

export class Fixture {
  readonly folder: string;
  readonly target: ForkserverTarget;
  /** First part of every mark, so that nothing of another test run is ever touched. */
  readonly instance: string;
  private readonly controllers: Controller[] = [];
  private jobs = 0;
  private tasks = 0;

  constructor(flavour: ForkserverFlavour, options: Partial<ForkserverTarget> = {}) {
    this.folder = mkdtempSync(join(tmpdir(), "qrew-fork-"));
    this.instance = this.folder.slice(this.folder.lastIndexOf("/") + 1);
    mkdirSync(this.path("spool"));
    this.target = {
      socketPath: join(this.folder, "fork.sock"),
      logPath: join(this.folder, "log"),
      flavour,
      aloneSeconds: 60,
      idleSeconds: 60,
      spoolFolder: this.path("spool"),
      // So that its threads are looked at as well, whatever the machine.
      ...(isSanitized() ? { launchers: 2 } : {}),
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
    const complaint = complaintIn(readTextIfAny(this.path("log")));
    rmSync(this.folder, { recursive: true, force: true });
    if (complaint !== null) throw new Error(complaint);
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
      pool: job,
      argv: typeof argv === "string" ? ["/bin/sh", "-c", argv] : argv,
      workdir: "",
      stdin: null,
      stdoutPath: this.path(`${task}.out`),
      stderrPath: this.path(`${task}.err`),
      mark,
      after: null,
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
