/** The TaskExecutor as a simulated process around its real core: what executor/taskExecutor.ts and executorProcess.ts do, step by step. */
import { MemoryKills } from "../../src/node/memoryKills.ts";
import { ACTOR_FORM } from "../../protocol/actorForm.ts";
import { decodeFrame } from "../../protocol/codec.ts";
import { isHotCommand } from "../../protocol/executorHot.ts";
import { type AttemptOutcome, commandSchema, type ExecutorFact } from "../../protocol/executorLink.ts";
import type { ForkserverCommand, ForkserverFact } from "../../protocol/forkserverLink.ts";
import { type SeatNumber, seatSocketName } from "../../protocol/ids.ts";
import { attemptEnded } from "../../executor/attemptEnded.ts";
import { collectTold } from "../../executor/collect.ts";
import type { Clock, ExecutorEffect, ExecutorEvent } from "../../executor/core/events.ts";
import type { ExecutorState } from "../../executor/core/state.ts";
import { createExecutor, nextWakeMs, step } from "../../executor/core/step.ts";
import { joinFacts } from "../../executor/joinFacts.ts";
import { SimLoop } from "./actorLoop.ts";
import { ForkserverLink } from "./forkserverLink.ts";
import type { SimProcess } from "./machine.ts";
import { SimDealer } from "./network.ts";
import type { Random } from "./random.ts";
import { outputText } from "./tasks.ts";
import { INSTANCE, type World } from "./world.ts";

/** As in executor/taskExecutor.ts and executor/forkserver/connection.ts. */
const SWEEP_GRACE_MS = 1000;
const FORKSERVER_LEAVE_MS = 2000;
const WELCOME_TIMEOUT_MS = 10_000;

const ORPHAN_MS = 24 * 3600 * 1000;
const OUTPUT_MISSING: AttemptOutcome = { type: "outputsMissing", missing: ["made"], count: 1 };
const NO_MEMORY_KILLS = new MemoryKills(() => null);

export class SimExecutor {
  readonly process: SimProcess;
  readonly seat: SeatNumber;
  readonly #world: World;
  readonly #random: Random;
  readonly #state: ExecutorState;
  readonly #loop: SimLoop<ExecutorEvent>;
  #dealer: SimDealer | null = null;
  #link: ForkserverLink | null = null;
  #seatEpoch = 0;
  #collected: ExecutorEvent[] = [];
  #forkserverGone: (() => void) | null = null;
  /** It has taken over a forkserver: the mutation of a forgetful adoption looks at this. */
  #adopted = false;

  constructor(world: World, seat: SeatNumber) {
    this.#world = world;
    this.seat = seat;
    this.#random = world.random("executor");
    this.process = world.machine.spawn(`executor-${seat}`);
    const { pid } = this.process;
    this.#state = createExecutor({
      seat,
      instance: INSTANCE,
      pid,
      spoolFolder: "/spool",
      orphanMs: ORPHAN_MS,
    });
    this.#loop = new SimLoop(world, this.process, {
      onBatch: (events, done) => {
        this.#turn(events);
        done();
      },
      nextWakeMs: () => nextWakeMs(this.#state),
    });
    this.process.after(this.#random.between(20, 120), () => this.#prepare());
  }

  /** Finds the forkserver of an earlier TaskExecutor, or ends what a dead one left; only then the QWorker may be told. */
  #prepare(): void {
    const serve = (): void => this.#connectWorker();
    if (this.#world.forkserverOf(this.seat) === null) return this.#sweep(serve);
    this.#adopted = true;
    this.#connectForkserver(serve, () => this.process.end());
  }

  #connectWorker(): void {
    this.#dealer = new SimDealer(
      this.#world.network,
      this.process,
      seatSocketName(this.seat),
      `executor-${this.process.pid}`,
      {
        onFrame: (bytes) => this.#onFrame(bytes),
        onConnected: () => this.#loop.push({ type: "workerConnected" }),
        onDisconnected: () => this.#loop.push({ type: "workerDisconnected" }),
      },
    );
  }

  #onFrame(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes, commandSchema, ACTOR_FORM, isHotCommand);
    if (!frame.ok) return this.#world.invariants.onMalformed("executor", frame.detail);
    if (frame.epoch < this.#seatEpoch) return;
    this.#seatEpoch = frame.epoch;
    for (const command of frame.messages) this.#loop.push({ type: "workerSaid", command });
  }

  /** Takes control of the forkserver that serves the seat. */
  #connectForkserver(onListed: () => void, onFailed: () => void): void {
    const server = this.#world.forkserverOf(this.seat);
    if (server === null) return onFailed();
    let welcomed = false;
    const onFact = (fact: ForkserverFact): void => {
      if (welcomed) this.#loop.push({ type: "forkserverSaid", fact });
      else {
        welcomed = true;
        this.#link = link;
        this.#loop.push({ type: "forkserverOpened", pid: link.pid, flavour: "c" });
      }
      if (fact.type === "listed") onListed();
    };
    const onClosed = (): void => (welcomed ? this.#onForkserverClosed() : onFailed());
    const link: ForkserverLink = new ForkserverLink(this.#world, this.process, server, onFact, onClosed);
    this.process.after(WELCOME_TIMEOUT_MS, () => {
      if (!welcomed) link.close();
    });
  }

  #onForkserverClosed(): void {
    this.#link = null;
    if (this.#forkserverGone !== null) return this.#forkserverGone();
    // Another TaskExecutor has taken control: this one has to leave.
    if (this.#world.forkserverOf(this.seat) !== null) return this.process.end();
    this.#sweep(() =>
      this.#loop.push({ type: "forkserverLost", detail: "the forkserver that ran it has died" }),
    );
  }

  /** Ends everything that carries the seat's mark. */
  #sweep(then: () => void): void {
    const deadlineMs = this.#world.timeline.nowMs + SWEEP_GRACE_MS;
    for (const run of this.#world.tasks.liveOf(this.seat)) run.term();
    const look = (): void => {
      const left = this.#world.tasks.liveOf(this.seat);
      if (left.length === 0) return then();
      if (this.#world.timeline.nowMs >= deadlineMs) for (const run of left) run.kill();
      this.process.after(20, look);
    };
    this.process.after(2, look);
  }

  #turn(events: readonly ExecutorEvent[]): void {
    const { machine } = this.#world;
    if (this.#world.faults.crashesNow(this.process)) return;
    const clock = { monoMs: machine.monoMs(), wallMs: machine.wallMs() };
    const facts: ExecutorFact[] = [];
    const commands: ForkserverCommand[] = [];
    this.#perform(this.#step(clock, events), facts, commands);
    // Ends whose output came with them go out in the same turn.
    const collected = this.#collected;
    this.#collected = [];
    if (collected.length > 0) this.#perform(this.#step(clock, collected), facts, commands);
    this.#link?.send(commands);
    if (facts.length > 0) this.#dealer?.send(this.#seatEpoch, joinFacts(facts));
  }

  #step(clock: Clock, events: readonly ExecutorEvent[]): readonly ExecutorEffect[] {
    const effects = step(this.#state, clock, events);
    this.#world.noteTurn(this.process, events, effects);
    return effects;
  }

  #perform(effects: readonly ExecutorEffect[], facts: ExecutorFact[], commands: ForkserverCommand[]): void {
    for (const effect of effects) this.#performOne(effect, facts, commands);
  }

  #performOne(effect: ExecutorEffect, facts: ExecutorFact[], commands: ForkserverCommand[]): void {
    switch (effect.type) {
      case "tellWorker":
        facts.push(this.#mutated(effect.fact));
        return;
      case "tellForkserver":
        commands.push(effect.command);
        return;
      case "openForkserver":
        return this.#openForkserver();
      case "prepareAttempt": {
        const { promise } = effect.preparation;
        if (promise !== null) this.#world.tasks.promises.add(promise.path);
        return;
      }
      case "collectOutput":
        return this.#collect(effect);
      case "discardSpool":
        for (const path of effect.paths) this.#world.tasks.promises.delete(path);
        return;
      case "keepEnds":
        // Nobody is left alone for so long here.
        return;
      case "leave":
        return this.#leave();
      default:
        effect satisfies never;
    }
  }

  #mutated(fact: ExecutorFact): ExecutorFact {
    const forgets = this.#world.mutation === "adoptionForgets" && this.#adopted;
    return forgets && fact.type === "hello" ? { ...fact, live: fact.live.slice(1) } : fact;
  }

  #openForkserver(): void {
    const failed = (): void =>
      this.#loop.push({ type: "forkserverFailed", detail: "the forkserver cannot be reached" });
    const connect = (): void => this.#connectForkserver(() => undefined, failed);
    if (this.#world.forkserverOf(this.seat) !== null) return connect();
    this.process.after(this.#random.between(1, 15), () => {
      if (this.#world.forkserverOf(this.seat) === null) this.#world.startForkserver(this.seat);
      connect();
    });
  }

  /** A file holds what a task writes: its name and attempt. */
  #collect(end: Extract<ExecutorEffect, { type: "collectOutput" }>): void {
    const told = collectTold(end, NO_MEMORY_KILLS);
    if (told !== null) {
      this.#collected.push({ type: "outputCollected", ...told });
      return;
    }
    const { fact, program, promise } = end;
    // Of a job that is deleted nobody knows any more what it was.
    const script = this.#world.invariants.seatedJob(fact.key.job)?.version.tasks[fact.key.task];
    const text = fact.start === null || script === undefined ? null : outputText(fact.key, script);
    const stdout =
      text === null ? null : ({ type: "inline", bytes: Buffer.from(text), cutBytes: 0 } as const);
    const ended = attemptEnded(fact, program, stdout, null, NO_MEMORY_KILLS);
    const spool = fact.stdout.type === "file" ? [fact.stdout.path] : [];
    if (promise !== null) spool.push(promise.path);
    this.process.after(this.#random.skewed(0.01, 5), () => {
      const outcome = this.#isBroken(end) ? OUTPUT_MISSING : ended.outcome;
      this.#loop.push({ type: "outputCollected", ended: { ...ended, outcome }, spool });
    });
  }

  /** As `judge` in executor/collect.ts: whoever ended with 0 has kept its promise, if one is on disk. */
  #isBroken({ fact, promise }: Extract<ExecutorEffect, { type: "collectOutput" }>): boolean {
    const { tasks } = this.#world;
    const isSuccess = fact.outcome.type === "exited" && fact.outcome.exitCode === 0;
    if (promise === null || !isSuccess || !tasks.promises.has(promise.path)) return false;
    return !tasks.hasOutputs(fact.key);
  }

  #leave(): void {
    const end = (): void => {
      this.#loop.stop();
      this.process.end();
    };
    if (this.#link === null) return end();
    this.#forkserverGone = end;
    this.process.after(FORKSERVER_LEAVE_MS, end);
  }
}
