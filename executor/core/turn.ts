/** One turn of the core: the state, the time of the batch, and the effects so far. */
import type { AttemptEnded, AttemptStarted } from "../../protocol/executorLink.ts";
import type { AttemptId } from "../../protocol/ids.ts";
import type { Clock, ExecutorEffect } from "./events.ts";
import type { ExecutorState } from "./state.ts";

export interface Turn {
  readonly state: ExecutorState;
  readonly clock: Clock;
  readonly effects: ExecutorEffect[];
}

/** Lists what is here; until the QWorker has welcomed, nothing else is told or heeded. */
export function tellHello(turn: Turn): void {
  const { state } = turn;
  const live: (AttemptId & { started: AttemptStarted | null })[] = [];
  const ended: AttemptId[] = [];
  for (const attempt of state.attempts.values()) {
    if (attempt.type === "live") live.push({ ...attempt.id, started: attempt.started });
    else ended.push(attempt.id);
  }
  state.welcomed = false;
  state.greeting += 1;
  const { pid, greeting } = state;
  turn.effects.push({ type: "tellWorker", fact: { type: "hello", pid, greeting, live, ended } });
}

/** What runs, said again: what started between hello and welcome was told to nobody, and its time limit would not count. */
export function tellStarted(turn: Turn): void {
  const attempts: AttemptStarted[] = [];
  for (const attempt of turn.state.attempts.values()) {
    if (attempt.type === "live" && attempt.started !== null) attempts.push(attempt.started);
  }
  if (attempts.length > 0) {
    turn.effects.push({ type: "tellWorker", fact: { type: "attemptsStarted", attempts } });
  }
}

/** Ends that nobody has acknowledged; one message each, since their output may be long. */
export function tellUndelivered(turn: Turn): void {
  for (const attempt of turn.state.attempts.values()) {
    if (attempt.type !== "ended") continue;
    const attempts: AttemptEnded[] = [attempt.ended];
    turn.effects.push({ type: "tellWorker", fact: { type: "attemptsEnded", attempts } });
  }
}
