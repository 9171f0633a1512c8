/** Frames into events: the edge at which everything that comes from outside is checked. */
import { ACTOR_FORM } from "../protocol/actorForm.ts";
import { assertNever } from "../protocol/errors.ts";
import { isHotFact } from "../protocol/executorHot.ts";
import { type ExecutorFact, factSchema } from "../protocol/executorLink.ts";
import { decodeFrame } from "../protocol/codec.ts";
import { type ManagerCommand, managerCommandSchema } from "../protocol/workerLink.ts";
import type { Refusals } from "../src/link/refusals.ts";
import type { WorkerEvent } from "./core/events.ts";

export const MANAGER_PEER = "manager";
const EXECUTOR_PEER_PREFIX = "executor-";

export type Incoming =
  | { readonly type: "manager"; readonly commands: readonly ManagerCommand[] }
  | { readonly type: "executor"; readonly peer: string; readonly facts: readonly ExecutorFact[] };

/** Checks who speaks, the frame, and the epoch. Null: refused and counted. */
export class FrameGate {
  readonly #epoch: number;
  readonly #refusals: Refusals;
  #managerEpoch = 0;

  constructor(epoch: number, refusals: Refusals) {
    this.#epoch = epoch;
    this.#refusals = refusals;
  }

  read(peer: string, bytes: Uint8Array): Incoming | null {
    if (peer === MANAGER_PEER) return this.#fromManager(bytes);
    if (peer.startsWith(EXECUTOR_PEER_PREFIX)) return this.#fromExecutor(peer, bytes);
    this.#refusals.add("unexpected");
    return null;
  }

  #fromManager(bytes: Uint8Array): Incoming | null {
    const frame = decodeFrame(bytes, managerCommandSchema, ACTOR_FORM);
    if (!frame.ok) {
      this.#refusals.add(frame.fault);
      return null;
    }
    if (frame.epoch < this.#managerEpoch) {
      this.#refusals.add("oldEpoch");
      return null;
    }
    this.#managerEpoch = frame.epoch;
    return { type: "manager", commands: frame.messages };
  }

  #fromExecutor(peer: string, bytes: Uint8Array): Incoming | null {
    const frame = decodeFrame(bytes, factSchema, ACTOR_FORM, isHotFact);
    if (!frame.ok) {
      this.#refusals.add(frame.fault);
      return null;
    }
    // A greeting comes before the TaskExecutor knows who holds the seat; everything else is said to this holder.
    if (frame.epoch === this.#epoch) return { type: "executor", peer, facts: frame.messages };
    const greetings = frame.messages.filter(({ type }) => type === "hello");
    if (greetings.length < frame.messages.length) this.#refusals.add("oldEpoch");
    return greetings.length === 0 ? null : { type: "executor", peer, facts: greetings };
  }
}

/** What the core decides about; the shell itself answers the others. */
type CoreCommand = Exclude<ManagerCommand, { type: "reportStatus" | "ping" | "leave" | "deleteJob" }>;

export function eventOfCommand(command: CoreCommand): WorkerEvent {
  switch (command.type) {
    case "hello":
      return { type: "managerSaidHello", capacity: command.capacity };
    case "assignJob":
      return { ...command, type: "jobAssigned" };
    case "setLoan":
      return { ...command, type: "loanSet" };
    case "setPause":
      return { type: "pauseSet", job: command.job, pause: command.pause };
    case "cancelJob":
      return { type: "cancelRequested", job: command.job };
    case "releaseJob":
      return { type: "jobReleased", job: command.job };
    case "drain":
      return { ...command, type: "drainRequested" };
    default:
      return assertNever(command);
  }
}

export function eventOfFact(fact: ExecutorFact): WorkerEvent {
  switch (fact.type) {
    case "hello":
      return { ...fact, type: "executorSaidHello" };
    case "attemptsStarted":
      return { type: "attemptsStarted", attempts: fact.attempts };
    case "attemptsEnded":
      return { type: "attemptsEnded", attempts: fact.attempts };
    case "noopsEnded":
      return fact;
    case "capSet":
      return fact;
    case "jobClosed":
      return { type: "jobClosed", job: fact.job, survivors: fact.survivors };
    case "alive":
      return { type: "executorAlive" };
    case "status":
      return { type: "executorReported", pid: fact.pid, forkserver: fact.forkserver };
    default:
      return assertNever(fact);
  }
}
