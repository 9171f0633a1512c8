/**
 * The TaskExecutor's decisions: what it does about a batch of events. Deterministic; the state is changed in place; nothing
 * here touches a socket, a process or a file.
 */
import { assertNever } from "../../protocol/errors.ts";
import type { SeatNumber } from "../../protocol/ids.ts";
import { onCommand } from "./commands.ts";
import type { Clock, ExecutorEffect, ExecutorEvent } from "./events.ts";
import {
  onFact,
  onForkserverFailed,
  onForkserverLost,
  onForkserverOpened,
  onOutputCollected,
} from "./facts.ts";
import type { ExecutorState } from "./state.ts";
import { tellHello, type Turn } from "./turn.ts";

/** Without a QWorker and with nothing to deliver, it leaves after this time: a successor of the QWorker takes less. */
const ALONE_MS = 60_000;
/** Without a QWorker it keeps attempts and their ends for so long; the forkserver goes on for itself after that. */
const ORPHAN_MS = 24 * 3600 * 1000;

export interface ExecutorOptions {
  readonly seat: SeatNumber;
  readonly instance: string;
  readonly pid: number;
  readonly spoolFolder: string;
}

export function createExecutor(options: ExecutorOptions): ExecutorState {
  return {
    ...options,
    node: null,
    greeting: 0,
    welcomed: false,
    connected: false,
    contexts: new Map(),
    caps: new Map(),
    closing: new Set(),
    attempts: new Map(),
    forkserver: { type: "absent" },
    idleSinceMs: null,
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
  return state.idleSinceMs === null ? null : state.idleSinceMs + patienceMs(state);
}

const patienceMs = (state: ExecutorState): number => (state.attempts.size > 0 ? ORPHAN_MS : ALONE_MS);

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
    return;
  }
  state.idleSinceMs ??= clock.monoMs;
  if (clock.monoMs - state.idleSinceMs < patienceMs(state) || state.left) return;
  state.left = true;
  turn.effects.push({ type: "leave" });
}
