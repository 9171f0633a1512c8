/** The QWorker as a simulated process around its real core: what worker/main.ts, seatHolder.ts and executorProcess.ts do, step by step. */
import { QrewError } from "../../protocol/errors.ts";
import type { ExecutorCommand } from "../../protocol/executorLink.ts";
import { type JobSeq, type SeatNumber, seatSocketName, seatStoreName } from "../../protocol/ids.ts";
import type { ManagerCommand, WorkerFact } from "../../protocol/workerLink.ts";
import { Refusals } from "../../src/link/refusals.ts";
import { readSeatJobs, type UnfinishedJob } from "../../src/store/claims.ts";
import { readHolder } from "../../src/store/managerStore.ts";
import type { Store } from "../../src/store/port.ts";
import type { ProcessName } from "../../src/node/process.ts";
import {
  deleteSomeOf,
  putExecutor,
  readExecutor,
  takeSeat,
  writeFenced,
} from "../../src/store/workerStore.ts";
import type { WorkerEffect, WorkerEvent } from "../../worker/core/events.ts";
import type { WorkerState } from "../../worker/core/state.ts";
import { createWorker, nextWakeMs, step } from "../../worker/core/step.ts";
import { eventOfCommand, eventOfFact, FrameGate, MANAGER_PEER } from "../../worker/frames.ts";
import { OpenJobs } from "../../worker/openJobs.ts";
import { type JobToLoad, outboxOf } from "../../worker/outbox.ts";
import { persist } from "../../worker/persist.ts";
import { SimLoop } from "./actorLoop.ts";
import type { SimStore } from "./disk.ts";
import { SimExecutor } from "./executor.ts";
import type { SimProcess } from "./machine.ts";
import { takesHoldersForDead, unfenced, withoutAsking, withoutEnds } from "./mutations.ts";
import { ACTOR_FORM } from "../../protocol/actorForm.ts";
import { SimRouter } from "./network.ts";
import type { Random } from "./random.ts";
import { CRASH_LIMIT, GRACE_MS, INSTANCE, LEASE_MS, NODE, type World } from "./world.ts";

/** As in worker/seatHolder.ts, executorProcess.ts and managerWatch.ts. */
const STORE_RETRY_MS = 500;
const LOAD_RETRY_MS = 1000;
const EXECUTOR_LEAVE_MS = 8000;
/** Shorter than the real one, so that they leave and come back. */
const EXECUTOR_IDLE_MS = 10_000;
const STATUS_WAIT_MS = 100;
const WATCH_MS = 5000;
const LOOKS_MAX = 12;
/** The jobs are small: all noops are recorded as thousands would be. */
const ENDS_TOGETHER_MIN = 1;

/** What its starter hears: the line on descriptor 3. */
interface ReadyLine {
  readonly onReady: () => void;
  readonly onFailed: (error: QrewError) => void;
}

export class SimWorker {
  readonly process: SimProcess;
  readonly seat: SeatNumber;
  readonly #world: World;
  readonly #random: Random;
  readonly #epoch: number;
  readonly #disk: SimStore;
  readonly #store: Store;
  readonly #jobs: OpenJobs;
  readonly #gate: FrameGate;
  readonly #router: SimRouter;
  #state: WorkerState | null = null;
  #loop: SimLoop<WorkerEvent> | null = null;
  #executor: ProcessName | null = null;
  #executorPeer: string | null = null;
  #leaving = false;
  #absences = 0;

  constructor(world: World, seat: SeatNumber, epoch: number, ready: ReadyLine) {
    this.#world = world;
    this.seat = seat;
    this.#epoch = epoch;
    this.#random = world.random("worker");
    this.process = world.machine.spawn(`worker-${seat}`);
    this.#disk = world.disk.open(seatStoreName(seat));
    this.#store = world.mutation === "fencingOff" ? unfenced(this.#disk, epoch) : this.#disk;
    this.#jobs = new OpenJobs(world.disk.open("manager"), this.#store, epoch);
    this.#gate = new FrameGate(epoch, new Refusals());
    this.#router = new SimRouter(this.process, (peer, bytes) => this.#onFrame(peer, bytes), ACTOR_FORM);
    this.process.after(this.#random.between(20, 150), () => this.#begin(ready));
  }

  #begin(ready: ReadyLine): void {
    try {
      const name = this.#world.machine.nameOf(this.process);
      // As openLmdbStore: what an earlier writer has left is on disk before anything is added to it.
      this.#disk.flushUpTo(this.#disk.committed);
      const before = takeSeat(this.#store, this.#epoch, name);
      const rebooted = before !== null && before.bootId !== name.bootId;
      const serve = (): void => this.#tryToServe(ready, rebooted);
      if (before === null || takesHoldersForDead(this.#world.mutation)) serve();
      else this.#world.machine.endForCertain(this.process, before, serve);
    } catch (error) {
      ready.onFailed(QrewError.from(error));
      this.process.end();
    }
  }

  #tryToServe(ready: ReadyLine, rebooted: boolean): void {
    try {
      this.#serve(ready, rebooted);
    } catch (error) {
      ready.onFailed(QrewError.from(error));
      this.process.end();
    }
  }

  #serve(ready: ReadyLine, rebooted: boolean): void {
    const known = this.#store.read(readExecutor);
    const executorExpected = known !== null && this.#adoptExecutor(known);
    const { pid } = this.process;
    const state = createWorker({
      seat: this.seat,
      node: NODE,
      instance: INSTANCE,
      pid,
      graceMs: GRACE_MS,
      leaseMs: LEASE_MS,
      crashLimit: CRASH_LIMIT,
      endsTogetherMin: ENDS_TOGETHER_MIN,
      executorIdleMs: EXECUTOR_IDLE_MS,
      crashes: 0,
      rebooted,
      executorExpected,
    });
    this.#state = state;
    this.#loop = new SimLoop(this.#world, this.process, {
      onBatch: (events, done) => this.#turn(state, events, done),
      nextWakeMs: () => nextWakeMs(state),
    });
    for (const job of this.#unfinishedJobs(rebooted))
      this.push({ type: "jobAssigned", ...job, demand: null, isPooled: false });
    this.process.after(1, () => {
      this.#world.network.bind(seatSocketName(this.seat), this.#router);
      this.#watchManager();
      ready.onReady();
    });
  }

  #unfinishedJobs(rebooted: boolean): readonly UnfinishedJob[] {
    if (this.#world.mutation === "storesBelieved") return withoutAsking(this.#store);
    const managerStore = this.#world.disk.open("manager");
    const { unfinished, stale } = readSeatJobs(managerStore, this.#store, this.seat, rebooted);
    for (const job of stale) {
      while (!writeFenced(this.#store, this.#epoch, (writer) => deleteSomeOf(writer, job)));
    }
    return unfinished;
  }

  push(event: WorkerEvent): void {
    this.#loop?.push(event);
  }

  #onFrame(peer: string, bytes: Uint8Array): void {
    const incoming = this.#gate.read(peer, bytes);
    if (incoming === null) return;
    if (incoming.type === "manager") {
      for (const command of incoming.commands) this.#onCommand(command);
      return;
    }
    for (const fact of incoming.facts) {
      if (fact.type === "hello") {
        if (!this.#recognises(fact.pid)) continue;
        this.#executorPeer = incoming.peer;
      }
      if (incoming.peer !== this.#executorPeer) continue;
      if (!this.#leaving) {
        const event = eventOfFact(fact);
        this.push(this.#world.mutation === "requeueForgotten" ? withoutEnds(event) : event);
      } else if (fact.type === "hello") {
        this.#tellExecutor([
          { type: "welcome", greeting: fact.greeting, seat: this.seat, node: NODE, instance: INSTANCE },
          { type: "leave" },
        ]);
      }
    }
  }

  #onCommand(command: ManagerCommand): void {
    if (command.type === "deleteJob") this.#deleteJob(command.job);
    else if (command.type === "leave") this.#leave();
    else if (command.type === "ping") this.#tellManager([{ type: "alive" }]);
    else if (command.type === "reportStatus") {
      const { request } = command;
      this.#tellExecutor([{ type: "reportStatus" }]);
      this.process.after(STATUS_WAIT_MS, () => this.push({ type: "statusRequested", request, refused: {} }));
    } else this.push(eventOfCommand(command));
  }

  #turn(state: WorkerState, events: readonly WorkerEvent[], done: () => void): void {
    const { machine, mutation } = this.#world;
    const effects = step(state, { monoMs: machine.monoMs(), wallMs: machine.wallMs() }, events);
    this.#world.noteTurn(this.process, events, effects);
    if (effects.length === 0) return done();
    if (this.#world.faults.crashesNow(this.process)) return;
    if (mutation === "toldBeforeCommit") {
      this.#perform(effects);
      this.process.after(5, () => this.#persist(effects, done));
      return;
    }
    this.#persist(effects, () => {
      if (this.#world.faults.crashesNow(this.process)) return;
      this.#perform(effects);
      done();
    });
  }

  #persist(effects: readonly WorkerEffect[], then: () => void): void {
    try {
      persist(this.#store, this.#epoch, effects);
    } catch (error) {
      if (QrewError.from(error).code !== "storeFull") return this.#fail(error);
      this.process.after(STORE_RETRY_MS, () => this.#persist(effects, then));
      return;
    }
    then();
  }

  /** As `#onDeleteAsked` of worker/seatHolder.ts, in small transactions. */
  #deleteJob(job: JobSeq): void {
    this.process.after(this.#random.skewed(0.1, 2), () => {
      try {
        const isGone = writeFenced(this.#store, this.#epoch, (writer) => deleteSomeOf(writer, job));
        if (!isGone) return this.#deleteJob(job);
        this.#world.flush(this.process, this.#disk, () => this.#tellManager([{ type: "jobDeleted", job }]));
      } catch (error) {
        if (QrewError.from(error).code !== "storeFull") return this.#fail(error);
        this.process.after(STORE_RETRY_MS, () => this.#deleteJob(job));
      }
    });
  }

  #fail(error: unknown): void {
    this.#world.noteFailure(this.process, error);
    this.process.end();
  }

  #perform(effects: readonly WorkerEffect[]): void {
    const { commands, facts, factsWhenFlushed, jobsToLoad, acts } = outboxOf(effects, this.#jobs);
    this.#loadAll(jobsToLoad);
    for (const act of acts) {
      if (act === "startExecutor") this.#startExecutor();
      else this.#killExecutor();
    }
    this.#tellExecutor(commands);
    this.#tellManager(facts);
    if (factsWhenFlushed.length === 0) return;
    this.#world.flush(this.process, this.#disk, () => this.#tellManager(factsWhenFlushed));
  }

  #loadAll(jobs: readonly JobToLoad[]): void {
    const found = this.#jobs.find(jobs);
    for (const job of jobs) this.#load(job, found);
  }

  #load(job: JobToLoad, found: ReturnType<OpenJobs["find"]>): void {
    try {
      const isShort = this.#world.faults.loadFails();
      const loaded = isShort ? null : this.#jobs.load(job, found);
      if (loaded === null) this.process.after(LOAD_RETRY_MS, () => this.#loadAll([job]));
      else this.push(loaded);
    } catch (error) {
      this.#fail(error);
    }
  }

  #tellExecutor(commands: readonly ExecutorCommand[]): void {
    if (this.#executorPeer === null || commands.length === 0) return;
    this.#router.send(this.#executorPeer, this.#epoch, commands);
  }

  #tellManager(facts: readonly WorkerFact[]): void {
    if (facts.length > 0) this.#router.send(MANAGER_PEER, this.#epoch, facts);
  }

  #startExecutor(): void {
    const { process } = new SimExecutor(this.#world, this.seat);
    const record = this.#world.machine.nameOf(process);
    this.#executor = record;
    process.onEnd(() => this.process.after(1, () => this.#executorLost(record)));
    // Here, between the start of the process and the record of its pid, is a good moment to die.
    if (!this.#world.faults.crashesNow(this.process)) this.#recordExecutor(record);
  }

  #recordExecutor(record: ProcessName): void {
    try {
      writeFenced(this.#store, this.#epoch, (writer) => putExecutor(writer, record));
    } catch (error) {
      if (QrewError.from(error).code !== "storeFull") this.#fail(error);
    }
  }

  #adoptExecutor(record: ProcessName): boolean {
    if (this.#world.machine.find(record) === null) return false;
    this.#executor = record;
    this.#world.machine.watch(this.process, record, () => this.#executorLost(record));
    return true;
  }

  /** As in worker/executorProcess.ts. */
  #recognises(pid: number): boolean {
    if (this.#executor?.pid === pid) return true;
    const stranger = this.#world.machine.living().find((process) => process.pid === pid);
    stranger?.end();
    if (this.#executor !== null) this.#killExecutor();
    return false;
  }

  #killExecutor(): void {
    const record = this.#executor;
    const process = record === null ? null : this.#world.machine.find(record);
    if (process === null) this.#executorLost(record);
    else process.end();
  }

  #executorLost(record: ProcessName | null): void {
    if (this.#executor !== record) return;
    this.#executor = null;
    this.#executorPeer = null;
    if (!this.#leaving) this.push({ type: "executorLost", killed: true });
  }

  #leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#tellExecutor([{ type: "leave" }]);
    const deadlineMs = this.#world.timeline.nowMs + EXECUTOR_LEAVE_MS;
    const look = (): void => {
      const record = this.#executor;
      const alive = record !== null && this.#world.machine.find(record) !== null;
      if (alive && this.#world.timeline.nowMs < deadlineMs) return this.process.after(5, look);
      this.#loop?.stop();
      this.process.end();
    };
    look();
  }

  /** With no job left and no manager in sight it leaves. */
  #watchManager(): void {
    this.process.after(WATCH_MS, () => {
      const holder = this.#world.disk.open("manager").read(readHolder);
      const present = holder !== null && this.#world.machine.find(holder) !== null;
      this.#absences = present ? 0 : this.#absences + 1;
      const idle = [...(this.#state?.jobs.values() ?? [])].every(({ phase }) => phase === "finished");
      if (this.#absences >= LOOKS_MAX && idle) this.process.end();
      else this.#watchManager();
    });
  }
}
