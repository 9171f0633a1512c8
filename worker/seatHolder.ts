/**
 * The QWorker as a process: turns frames, exits and timers into events, has the core decide, commits what is to be recorded,
 * and only then tells anybody.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { assertNever, QrewError } from "../protocol/errors.ts";
import type { ExecutorCommand, ExecutorFact } from "../protocol/executorLink.ts";
import type { JobSeq } from "../protocol/ids.ts";
import type { ManagerCommand, WorkerFact } from "../protocol/workerLink.ts";
import { ActorLoop, monotonicMs } from "../src/link/loop.ts";
import type { Refusals } from "../src/link/refusals.ts";
import type { RouterLink } from "../src/link/router.ts";
import type { Store } from "../src/store/port.ts";
import { deleteWorkerJob, putExecutor, writeFenced } from "../src/store/workerStore.ts";
import type { WorkerEffect, WorkerEvent } from "./core/events.ts";
import type { WorkerState } from "./core/state.ts";
import { nextWakeMs, step } from "./core/step.ts";
import type { ExecutorProcess } from "./executorProcess.ts";
import { eventOfCommand, eventOfFact, type FrameGate, MANAGER_PEER } from "./frames.ts";
import type { OpenJobs } from "./openJobs.ts";
import { type JobToLoad, outboxOf, type ProcessAct } from "./outbox.ts";
import { persist } from "./persist.ts";

/** Before a write that failed for want of room is tried again. Nothing is told to anybody meanwhile. */
const STORE_RETRY_MS = 500;
/** For the TaskExecutor to leave when the QWorker does. */
const EXECUTOR_LEAVE_MS = 8000;
const FLUSH_MS = 1000;
/** Before a job that could not be read, for want of memory or descriptors, is tried again. */
const LOAD_RETRY_MS = 1000;

export interface SeatParts {
  readonly state: WorkerState;
  readonly epoch: number;
  readonly store: Store;
  readonly managerStore: Store;
  readonly jobs: OpenJobs;
  readonly router: RouterLink;
  readonly gate: FrameGate;
  readonly refusals: Refusals;
  readonly executor: ExecutorProcess;
  /** Ends the seat's forkserver, which has nothing to do any more and nobody who tells it so. */
  readonly endForkserver: () => Promise<void>;
  readonly logger: Logger;
  /** The last act: the process ends. */
  readonly exit: (code: number) => void;
}

export class SeatHolder {
  readonly #parts: SeatParts;
  readonly #loop: ActorLoop<WorkerEvent>;
  /** Address of the TaskExecutor that has said hello. */
  #executorPeer: string | null = null;
  #leaving = false;
  #deletions: Promise<void> = Promise.resolve();

  constructor(parts: SeatParts) {
    this.#parts = parts;
    this.#loop = new ActorLoop<WorkerEvent>({
      onBatch: (events) => this.#turn(events),
      nextWakeMs: () => nextWakeMs(parts.state),
      onFault: (error) => this.fail(error),
    });
  }

  push(event: WorkerEvent): void {
    this.#loop.push(event);
  }

  onFrame(peer: string, bytes: Uint8Array): void {
    const incoming = this.#parts.gate.read(peer, bytes);
    if (incoming === null) return;
    if (incoming.type === "manager") {
      for (const command of incoming.commands) this.#onCommand(command);
      return;
    }
    for (const fact of incoming.facts) {
      if (fact.type === "hello") {
        if (!this.#parts.executor.recognises(fact.pid)) continue;
        this.#executorPeer = incoming.peer;
      }
      if (incoming.peer !== this.#executorPeer) continue;
      if (this.#leaving) this.#dismissLatecomer(fact);
      else this.push(eventOfFact(fact));
    }
  }

  /** It was still starting when this QWorker was told to leave. */
  #dismissLatecomer(fact: ExecutorFact): void {
    if (fact.type !== "hello") return;
    const { seat, node, instance } = this.#parts.state;
    const { greeting } = fact;
    this.#tellExecutor([{ type: "welcome", greeting, seat, node, instance }, { type: "leave" }]);
  }

  /** A defect, or a store that is gone. What is committed is safe: the next holder of the seat goes on from it. */
  fail(error: unknown): void {
    const failure = QrewError.from(error);
    this.#parts.logger.error({ err: error }, `the QWorker ends: ${failure.message}`);
    this.#parts.exit(failure.code === "fenced" ? 3 : 1);
  }

  #onCommand(command: ManagerCommand): void {
    if (command.type === "leave") void this.#leave();
    else if (command.type === "deleteJob") this.#onDeleteAsked(command.job);
    // Not the core's business, which stands still while the disk is full.
    else if (command.type === "ping") this.#tellManager([{ type: "alive" }]);
    else if (command.type === "reportStatus") this.#onStatusAsked(command.request);
    else this.push(eventOfCommand(command));
  }

  /** One after the other, in small transactions between those of the jobs that run. */
  #onDeleteAsked(job: JobSeq): void {
    this.#deletions = this.#deletions
      .then(() => this.#delete(job))
      .then(
        () => this.#tellManager([{ type: "jobDeleted", job }]),
        (error: unknown) => this.fail(error),
      );
  }

  /** On disk before the manager is told, which then forgets that there is something to delete. */
  async #delete(job: JobSeq): Promise<void> {
    const { store, epoch, logger } = this.#parts;
    for (;;) {
      try {
        await deleteWorkerJob(store, epoch, job);
        return await store.flushed();
      } catch (error) {
        if (QrewError.from(error).code !== "storeFull") throw error;
        logger.warn({ job }, "a job cannot be deleted while the disk is full; it is tried again");
        await delay(STORE_RETRY_MS);
      }
    }
  }

  /** The TaskExecutor is asked first; its answer comes a moment later, and what it said last serves until then. */
  #onStatusAsked(request: number): void {
    this.#tellExecutor([{ type: "reportStatus" }]);
    setTimeout(() => {
      this.push({ type: "statusRequested", request, refused: this.#parts.refusals.counts() });
    }, STATUS_WAIT_MS);
  }

  async #turn(events: readonly WorkerEvent[]): Promise<void> {
    const { state } = this.#parts;
    const clock = { monoMs: monotonicMs(), wallMs: Date.now() };
    const effects = step(state, clock, events);
    if (effects.length === 0) return;
    await this.#persist(effects);
    this.#perform(effects);
  }

  async #persist(effects: readonly WorkerEffect[]): Promise<void> {
    for (;;) {
      try {
        return persist(this.#parts.store, this.#parts.epoch, effects);
      } catch (error) {
        if (QrewError.from(error).code !== "storeFull") throw error;
        this.#parts.logger.warn(`waiting for room on the disk: ${QrewError.from(error).message}`);
        await delay(STORE_RETRY_MS);
      }
    }
  }

  #perform(effects: readonly WorkerEffect[]): void {
    const { jobs, store } = this.#parts;
    const outbox = outboxOf(effects, jobs);
    if (outbox.jobsToLoad.length > 0) this.#loadAll(outbox.jobsToLoad);
    for (const act of outbox.acts) this.#act(act);
    if (outbox.areCommandsForLater) this.#tellExecutorLater(outbox.commands);
    else this.#tellExecutor(outbox.commands);
    if (outbox.areFactsForLater) this.#parts.router.sendLater(MANAGER_PEER, this.#parts.epoch, outbox.facts);
    else this.#tellManager(outbox.facts);
    const { factsWhenFlushed } = outbox;
    if (factsWhenFlushed.length === 0) return;
    store.flushed().then(
      () => this.#tellManager(factsWhenFlushed),
      (error: unknown) => this.fail(error),
    );
  }

  #act(act: ProcessAct): void {
    const { executor } = this.#parts;
    switch (act) {
      case "startExecutor":
        return executor.start();
      case "killExecutor":
        return executor.kill();
      default:
        assertNever(act);
    }
  }

  #loadAll(effects: readonly JobToLoad[]): void {
    const found = this.#parts.jobs.find(effects);
    for (const effect of effects) this.#load(effect, found);
  }

  /** A job is not failed because the machine is short of something: it is read when there is some again. */
  #load(effect: JobToLoad, found: ReturnType<OpenJobs["find"]>): void {
    try {
      const loaded = this.#parts.jobs.load(effect, found);
      if (loaded !== null) return this.push(loaded);
    } catch (error) {
      return this.fail(error);
    }
    this.#parts.logger.warn({ job: effect.job }, "the job cannot be read now; it is tried again");
    setTimeout(() => this.#loadAll([effect]), LOAD_RETRY_MS);
  }

  #tellExecutor(commands: readonly ExecutorCommand[]): void {
    if (this.#executorPeer === null || commands.length === 0) return;
    this.#parts.router.send(this.#executorPeer, this.#parts.epoch, commands);
  }

  #tellExecutorLater(commands: readonly ExecutorCommand[]): void {
    if (this.#executorPeer !== null)
      this.#parts.router.sendLater(this.#executorPeer, this.#parts.epoch, commands);
  }

  #tellManager(facts: readonly WorkerFact[]): void {
    if (facts.length > 0) this.#parts.router.send(MANAGER_PEER, this.#parts.epoch, facts);
  }

  executorStarted(record: Parameters<typeof putExecutor>[1]): void {
    const { store, epoch, logger } = this.#parts;
    try {
      writeFenced(store, epoch, (writer) => putExecutor(writer, record));
    } catch (error) {
      if (QrewError.from(error).code !== "storeFull") return this.fail(error);
      // A successor then does not wait for it, but starts another, and this one gives way.
      logger.warn("the disk is full: the TaskExecutor is not on record");
    }
  }

  executorLost(killed: boolean): void {
    this.#executorPeer = null;
    if (!this.#leaving) this.push({ type: "executorLost", killed });
  }

  async #leave(): Promise<void> {
    if (this.#leaving) return;
    this.#leaving = true;
    const { executor, router, store, managerStore, logger, exit } = this.#parts;
    const hasExecutor = this.#executorPeer !== null;
    this.#tellExecutor([{ type: "leave" }]);
    if (!(await executor.ended(EXECUTOR_LEAVE_MS))) logger.warn("the TaskExecutor did not leave in time");
    if (!hasExecutor) await this.#parts.endForkserver();
    this.#loop.stop();
    await router.flush(FLUSH_MS);
    router.close();
    await store.close();
    await managerStore.close();
    exit(0);
  }
}

/** For the TaskExecutor to answer a status question. */
const STATUS_WAIT_MS = 100;
