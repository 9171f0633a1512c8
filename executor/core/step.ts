/**
 * The TaskExecutor's decisions: what it does about a batch of events. Deterministic; the state is changed in place; nothing
 * here touches a socket, a process or a file.
 */
import { assertNever } from "../../protocol/errors.ts";
import type { SeatNumber } from "../../protocol/ids.ts";
import type { AttemptEnded } from "../../protocol/executorLink.ts";
import { onCommand, tellForkserver } from "./commands.ts";
import type { Clock, ExecutorEffect, ExecutorEvent } from "./events.ts";
import {
  onEndsFound,
  onFact,
  onForkserverFailed,
  onForkserverLost,
  onForkserverOpened,
  onOutputCollected,
} from "./facts.ts";
import type { ExecutorState } from "./state.ts";
import { tellHello, type Turn } from "./turn.ts";
import { TransientMap } from "../../src/transientMap.ts";

/** Without a QWorker and with nothing to deliver, it leaves after this time: a successor of the QWorker takes less. */
const ALONE_MS = 60_000;
/** From SIGTERM to SIGKILL of tasks that nobody has watched for too long: nobody is in a hurry. */
const ORPHAN_GRACE_MS = 10_000;

export interface ExecutorOptions {
  readonly seat: SeatNumber;
  readonly instance: string;
  readonly pid: number;
  readonly spoolFolder: string;
  /** Without a QWorker attempts go on, and their ends are kept, for so long; then they are stopped. */
  readonly orphanMs: number;
}

export function createExecutor(options: ExecutorOptions): ExecutorState {
  return {
    ...options,
    node: null,
    greeting: 0,
    welcomed: false,
    connected: false,
    contexts: new TransientMap(),
    caps: new Map(),
    closing: new Set(),
    attempts: new TransientMap(),
    forkserver: { type: "absent" },
    idleSinceMs: null,
    orphans: null,
    left: false,
  };
}

export function step(state: ExecutorState, clock: Clock, events: readonly ExecutorEvent[]): ExecutorEffect[] {
  const turn: Turn = { state, clock, effects: [] };
  for (const event of events) handle(turn, event);
  tendLoneliness(turn);
  return turn.effects;
}

/** When the core wants to be woken, or null. */
export function nextWakeMs(state: ExecutorState): number | null {
  if (state.idleSinceMs === null || state.orphans !== null || state.left) return null;
  return state.idleSinceMs + patienceMs(state);
}

const patienceMs = (state: ExecutorState): number => (state.attempts.size > 0 ? state.orphanMs : ALONE_MS);

function handle(turn: Turn, event: ExecutorEvent): void {
  switch (event.type) {
    case "workerConnected":
      turn.state.connected = true;
      return tellHello(turn);
    case "workerDisconnected":
      turn.state.connected = false;
      turn.state.welcomed = false;
      return;
    case "workerSaid":
      return onCommand(turn, event.command);
    case "forkserverOpened":
      return onForkserverOpened(turn, event);
    case "forkserverSaid":
      return onFact(turn, event.fact);
    case "forkserverLost":
      return onForkserverLost(turn, event.detail);
    case "forkserverFailed":
      return onForkserverFailed(turn, event.detail);
    case "outputCollected":
      return onOutputCollected(turn, event);
    case "endsFound":
      return onEndsFound(turn, event.ends);
    case "woken":
      return;
    default:
      assertNever(event);
  }
}

function tendLoneliness(turn: Turn): void {
  const { state, clock } = turn;
  if (state.connected) {
    state.idleSinceMs = null;
    state.orphans = null;
    return;
  }
  state.idleSinceMs ??= clock.monoMs;
  if (clock.monoMs - state.idleSinceMs < patienceMs(state) || state.left) return;
  if (state.orphans === null) stopOrphans(turn);
  const ends: AttemptEnded[] = [];
  for (const attempt of state.attempts.values()) {
    if (attempt.type !== "ended") return;
    ends.push(attempt.ended);
  }
  state.left = true;
  if (ends.length > 0) turn.effects.push({ type: "keepEnds", ends });
  for (const { job, task, attempt } of ends) {
    tellForkserver(turn, { type: "acknowledge", key: { job, task, attempt } });
  }
  tellForkserver(turn, { type: "leave" });
  turn.effects.push({ type: "leave" });
}

/** Nobody has asked for them for too long. Their ends, and those before them, are kept for whoever comes. */
function stopOrphans(turn: Turn): void {
  const { state } = turn;
  state.orphans = new Set();
  for (const [key, attempt] of state.attempts) {
    if (attempt.type !== "live") continue;
    state.orphans.add(key);
    tellForkserver(turn, { type: "stop", key: attempt.id, graceMs: ORPHAN_GRACE_MS });
  }
}
