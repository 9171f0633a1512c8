/** One simulation: its parts, put together. */
import type { AttemptId, JobSeq, SeatNumber } from "../../protocol/ids.ts";
import { readJob } from "../../src/store/managerStore.ts";
import { askToStop } from "./adminClient.ts";
import { SimClient } from "./client.ts";
import { Disk, type SimStore } from "./disk.ts";
import { Faults } from "./faults.ts";
import { SimForkserver } from "./forkserver.ts";
import { Invariants } from "./invariants.ts";
import { Machine, type SimProcess } from "./machine.ts";
import { SimManager } from "./manager.ts";
import type { Mutation } from "./mutations.ts";
import { Network } from "./network.ts";
import type { Random } from "./random.ts";
import { Tasks } from "./tasks.ts";
import { Timeline } from "./timeline.ts";
import type { Trace } from "./trace.ts";
import { type JobScript, type JobVersion, type TaskScript, versionsOf } from "./scripts.ts";
import type { Named, World, WorldSettings } from "./world.ts";

/** Until somebody starts the daemon again: the next command, or systemd. */
const RESTART_MS_MAX = 2500;

export class SimNode implements World {
  readonly settings: WorldSettings;
  readonly mutation: Mutation | null;
  readonly timeline = new Timeline();
  readonly machine = new Machine(this.timeline);
  readonly trace: Trace;
  readonly faults: Faults;
  readonly invariants: Invariants;
  readonly network: Network;
  readonly disk: Disk;
  readonly tasks: Tasks;
  readonly clients: readonly SimClient[];
  readonly #random: Random;
  readonly #diskRandom: Random;
  readonly #forkservers = new Map<SeatNumber, SimForkserver>();
  readonly #scripts = new Map<JobSeq, JobScript>();
  #streams = 0;

  constructor(settings: WorldSettings, random: Random, trace: Trace, mutation: Mutation | null) {
    this.settings = settings;
    this.mutation = mutation;
    this.trace = trace;
    this.#random = random;
    this.#diskRandom = this.random("disk");
    this.network = new Network(this);
    this.tasks = new Tasks(this);
    this.invariants = new Invariants(this);
    this.faults = new Faults(this, settings.faults);
    this.disk = new Disk(
      () => this.faults.isDiskFull(),
      (store, changes) => this.invariants.onCommit(store, changes),
      (store) => this.#flushInBackground(store),
    );
    this.faults.plan();
    this.clients = settings.jobs.map((script) => new SimClient(this, script));
    this.#startManager();
  }

  /** A stream of random numbers for a new part. */
  random(name: string): Random {
    return this.#random.fork(`${name} ${this.#streams++}`);
  }

  note(who: string, what: string): void {
    this.trace.add(this.timeline.nowMs, who, what);
  }

  noteTurn(process: SimProcess, events: readonly Named[], effects: readonly Named[]): void {
    if (events.length === 0 && effects.length === 0) return;
    const names = (list: readonly Named[]): string => list.map(nameOf).join(" ");
    this.note(process.name, `${names(events)} => ${names(effects)}`);
    for (const item of [...events, ...effects]) this.trace.explain(() => JSON.stringify(item, briefly));
  }

  noteFailure(process: SimProcess, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.note(process.name, `fails: ${message}`);
    this.invariants.onFailure(process.name, error);
  }

  /** Does `then` when everything that is committed now is on disk. */
  flush(process: SimProcess, store: SimStore, then: () => void): void {
    const { committed } = store;
    this.timeline.after(this.#diskRandom.skewed(0.1, this.settings.faults.flushMs), () => {
      store.flushUpTo(committed);
      process.run(then);
    });
  }

  versionOfDocument(
    document: Uint8Array,
  ): { readonly script: JobScript; readonly version: JobVersion } | null {
    for (const script of this.settings.jobs) {
      const version = versionsOf(script).find((one) => Buffer.compare(one.document, document) === 0);
      if (version !== undefined) return { script, version };
    }
    return null;
  }

  scriptOfJob(id: JobSeq): JobScript | null {
    const known = this.#scripts.get(id);
    if (known !== undefined) return known;
    const record = this.disk.open("manager").read((reader) => readJob(reader, id));
    const script = this.settings.jobs.find(({ name }) => name === record?.name) ?? null;
    if (script !== null) this.#scripts.set(id, script);
    return script;
  }

  scriptOf(id: AttemptId): TaskScript {
    const script = this.invariants.seatedJob(id.job)?.version.tasks[id.task];
    if (script === undefined) throw new Error(`there is no task ${id.task} of job ${id.job}`);
    return script;
  }

  forkserverOf(seat: SeatNumber): SimForkserver | null {
    const forkserver = this.#forkservers.get(seat);
    return forkserver?.process.isAlive === true ? forkserver : null;
  }

  startForkserver(seat: SeatNumber): void {
    this.#forkservers.set(seat, new SimForkserver(this, seat));
  }

  #startManager(): void {
    const { process } = new SimManager(this);
    process.onEnd(() => {
      const delayMs = this.#diskRandom.between(20, RESTART_MS_MAX);
      this.timeline.after(delayMs, () => this.#startManager());
    });
  }

  stopDaemon(now: boolean): void {
    this.note("fault", `asks the daemon to ${now ? "stop" : "drain"}`);
    askToStop(this, now);
  }

  powerCut(): void {
    this.note("fault", "cuts the power");
    this.tasks.killAll();
    this.machine.reboot();
    let lost = 0;
    for (const store of this.disk.stores()) lost += store.powerCut(this.#diskRandom);
    this.#scripts.clear();
    this.note("disk", `${lost} transactions were not flushed and are lost`);
    this.invariants.onPowerCut();
  }

  /** The disk writes what is old enough, whether somebody waits for it or not; each store at its own time. */
  #flushInBackground(store: SimStore): void {
    this.timeline.after(this.#diskRandom.between(50, this.settings.faults.flushLagMs), () => {
      store.flushUpTo(store.committed);
      this.#flushInBackground(store);
    });
  }
}

function nameOf(item: Named): string {
  if ("command" in item && hasType(item.command)) return item.command.type;
  if ("fact" in item && hasType(item.fact)) return item.fact.type;
  if ("request" in item && hasType(item.request)) return item.request.type;
  return item.type;
}

/** A graph or an iterator would fill pages. */
const briefly = (_: string, value: unknown): unknown =>
  ArrayBuffer.isView(value) || value instanceof Map || value instanceof Set ? "…" : value;

const hasType = (value: unknown): value is Named =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
