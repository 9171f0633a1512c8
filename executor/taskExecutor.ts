/**
 * The TaskExecutor as a process: joins the QWorker's socket and the forkserver's, has the core decide, reads the output of what
 * has ended.
 */
import { existsSync, mkdirSync, rmSync, unlinkSync } from "node:fs";
import type { Logger } from "pino";
import { ACTOR_FORM } from "../protocol/actorForm.ts";
import { decodeFrame } from "../protocol/codec.ts";
import { assertNever, QrewError } from "../protocol/errors.ts";
import { isHotCommand } from "../protocol/executorHot.ts";
import { commandSchema, type ExecutorFact } from "../protocol/executorLink.ts";
import type { ForkserverCommand } from "../protocol/forkserverLink.ts";
import { type AttemptId, seatMark } from "../protocol/ids.ts";
import type { DealerLink } from "../src/link/dealer.ts";
import { ActorLoop, monotonicMs } from "../src/link/loop.ts";
import { Refusals } from "../src/link/refusals.ts";
import { endForCertain } from "../src/node/endForCertain.ts";
import { MemoryKills } from "../src/node/memoryKills.ts";
import { nameProcess, processesWithArguments } from "../src/node/process.ts";
import { collect, collectTold } from "./collect.ts";
import type { ExecutorEffect, ExecutorEvent } from "./core/events.ts";
import type { ExecutorState } from "./core/state.ts";
import { nextWakeMs, step } from "./core/step.ts";
import {
  connectExisting,
  type ForkserverClient,
  type ForkserverTarget,
  openForkserver,
  probeForkserver,
} from "./forkserver/client.ts";
import { sweepSpool } from "./sweepSpool.ts";
import { sweepMarked } from "./forkserver/sweep.ts";
import { prepareFiles } from "./prepareFiles.ts";
import { findEnds, forgetEnds, keepEnds } from "./keptEnds.ts";
import { joinFacts } from "./joinFacts.ts";

/** From SIGTERM to SIGKILL for what a dead forkserver left behind: nobody waits for its results any more. */
const SWEEP_GRACE_MS = 1000;
/** For the forkserver to close its socket after it was told to leave. */
const FORKSERVER_LEAVE_MS = 2000;

export interface TaskExecutorParts {
  readonly home: string;
  readonly state: ExecutorState;
  readonly forkserver: ForkserverTarget;
  readonly logger: Logger;
  readonly exit: (code: number) => void;
}

export class TaskExecutor {
  readonly #parts: TaskExecutorParts;
  readonly #loop: ActorLoop<ExecutorEvent>;
  readonly #refusals = new Refusals();
  readonly #memoryKills = new MemoryKills();
  #link: DealerLink | null = null;
  #client: ForkserverClient | null = null;
  /** Of the holder of the seat that has welcomed; commands of a lower one are refused. */
  #seatEpoch = 0;
  /** Ends to be told in this turn. */
  #collected: ExecutorEvent[] = [];
  #forkserverGone: (() => void) | null = null;
  #hasKeptEnds = false;
  /** What an existing forkserver has, until it has said all of it. */
  readonly #listed: AttemptId[] = [];

  constructor(parts: TaskExecutorParts) {
    this.#parts = parts;
    this.#loop = new ActorLoop<ExecutorEvent>({
      onBatch: (events) => this.#turn(events),
      nextWakeMs: () => nextWakeMs(parts.state),
      onFault: (error) => this.fail(error),
    });
  }

  /** Finds the forkserver of an earlier TaskExecutor, or ends what a dead one left; only then the QWorker may be told. */
  async prepare(): Promise<void> {
    const { state, forkserver } = this.#parts;
    const existing = await connectExisting(forkserver.socketPath);
    if (existing === null) {
      // One whose socket was removed serves nobody, and would keep another from starting.
      for (const pid of processesWithArguments(["--socket", forkserver.socketPath]))
        await endForCertain(nameProcess(pid));
      await sweepMarked(seatMark(state.instance, state.seat), SWEEP_GRACE_MS);
    } else await this.#adopt(existing);
    sweepSpool(state.spoolFolder, this.#listed);
    const ends = findEnds(state.spoolFolder);
    this.#hasKeptEnds = ends.length > 0;
    if (this.#hasKeptEnds) this.push({ type: "endsFound", ends });
  }

  connectWorker(open: (executor: TaskExecutor) => DealerLink): void {
    this.#link = open(this);
  }

  push(event: ExecutorEvent): void {
    this.#loop.push(event);
  }

  onFrame(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes, commandSchema, ACTOR_FORM, isHotCommand);
    if (!frame.ok) return this.#refusals.add(frame.fault);
    if (frame.epoch < this.#seatEpoch) return this.#refusals.add("oldEpoch");
    this.#seatEpoch = frame.epoch;
    for (const command of frame.messages) this.push({ type: "workerSaid", command });
  }

  fail(error: unknown): void {
    this.#parts.logger.error({ err: error }, `the TaskExecutor ends: ${QrewError.from(error).message}`);
    this.#parts.exit(1);
  }

  /** Resolves when the attempts that the forkserver has are known. */
  #adopt(client: ForkserverClient): Promise<void> {
    return new Promise((resolve) => {
      this.#attach(client, resolve);
    });
  }

  #attach(client: ForkserverClient, onListed: () => void): void {
    this.#client = client;
    this.push({ type: "forkserverOpened", pid: client.pid, flavour: client.flavour });
    client.listen({
      onFacts: (facts) => {
        for (const fact of facts) {
          this.push({ type: "forkserverSaid", fact });
          if ("key" in fact) this.#listed.push(fact.key);
          if (fact.type === "listed") onListed();
        }
      },
      onClosed: (reason) => void this.#onForkserverClosed(reason),
    });
  }

  async #onForkserverClosed(reason: string): Promise<void> {
    this.#client = null;
    if (this.#forkserverGone !== null) return this.#forkserverGone();
    const { state, logger } = this.#parts;
    logger.warn(`the forkserver is gone: ${reason}`);
    try {
      // Still there: another TaskExecutor has taken control, by the order of a later holder of the seat. What runs is its.
      if ((await probeForkserver(this.#parts.forkserver.socketPath)) !== null) {
        return this.fail(
          new QrewError("fenced", "another TaskExecutor serves the seat: this one has to leave"),
        );
      }
      const { ended, survivors } = await sweepMarked(seatMark(state.instance, state.seat), SWEEP_GRACE_MS);
      logger.info({ ended, survivors }, "what its attempts left behind is ended");
      this.push({ type: "forkserverLost", detail: "the forkserver that ran it has died" });
    } catch (error) {
      this.fail(error);
    }
  }

  #turn(events: readonly ExecutorEvent[]): void {
    const facts: ExecutorFact[] = [];
    const commands: ForkserverCommand[] = [];
    const clock = { monoMs: monotonicMs(), wallMs: Date.now() };
    this.#perform(step(this.#parts.state, clock, events), facts, commands);
    // Ends whose output came with them go out in the same turn.
    const collected = this.#collected;
    this.#collected = [];
    if (collected.length > 0) this.#perform(step(this.#parts.state, clock, collected), facts, commands);
    this.#forgetKeptEnds();
    // Somebody may have cleared it away.
    if (commands.some(({ type }) => type === "spawn")) makeFolder(this.#parts.state.spoolFolder);
    if (commands.length > 0) this.#client?.send(commands);
    if (facts.length > 0) this.#link?.send(this.#seatEpoch, joinFacts(facts));
  }

  #perform(effects: readonly ExecutorEffect[], facts: ExecutorFact[], commands: ForkserverCommand[]): void {
    for (const effect of effects) this.#performOne(effect, facts, commands);
  }

  #performOne(effect: ExecutorEffect, facts: ExecutorFact[], commands: ForkserverCommand[]): void {
    switch (effect.type) {
      case "tellWorker":
        facts.push(effect.fact);
        return;
      case "tellForkserver":
        commands.push(effect.command);
        return;
      case "openForkserver":
        void this.#open();
        return;
      case "collectOutput":
        return this.#collect(effect);
      case "prepareAttempt":
        prepareFiles(effect.preparation);
        return;
      case "discardSpool":
        for (const path of effect.paths) removeIfThere(path);
        return;
      case "keepEnds":
        keepEnds(this.#parts.state.spoolFolder, effect.ends);
        return;
      case "leave":
        void this.#leave();
        return;
      default:
        assertNever(effect);
    }
  }

  /** Once all that was found is acknowledged. */
  #forgetKeptEnds(): void {
    if (!this.#hasKeptEnds || this.#parts.state.attempts.size > 0) return;
    this.#hasKeptEnds = false;
    forgetEnds(this.#parts.state.spoolFolder);
  }

  #collect(end: Extract<ExecutorEffect, { type: "collectOutput" }>): void {
    const told = collectTold(end, this.#memoryKills);
    if (told !== null) {
      this.#collected.push({ type: "outputCollected", ...told });
      return;
    }
    collect(this.#parts.home, end, this.#memoryKills).then(
      (collected) => this.push({ type: "outputCollected", ...collected }),
      (error: unknown) => this.fail(error),
    );
  }

  async #open(): Promise<void> {
    try {
      const client = await openForkserver(this.#parts.forkserver);
      this.#attach(client, () => undefined);
    } catch (error) {
      const detail = QrewError.from(error).message;
      this.#parts.logger.error({ err: error }, detail);
      this.push({ type: "forkserverFailed", detail });
    }
  }

  async #leave(): Promise<void> {
    if (this.#client !== null) {
      await new Promise<void>((resolve) => {
        this.#forkserverGone = resolve;
        setTimeout(resolve, FORKSERVER_LEAVE_MS).unref();
      });
    }
    this.#loop.stop();
    this.#link?.close();
    this.#client?.close();
    this.#parts.exit(0);
  }
}

/** Where it cannot be made, what wants to write there is tried again. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch {
    // A full disk, as a rule.
  }
}

/** One call instead of the three of `rmSync`: this happens twice per task. */
function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was moved to the output folder, or never made; or the task has put a folder in its place.
    rmSync(path, { recursive: true, force: true });
  }
}
