/** One turn of the core: the state, the time of the batch, and the effects so far. */
import type { ClientReply } from "../../protocol/clientLink.ts";
import type { ClientId, Clock, ManagerEffect, RefusalCode } from "./events.ts";
import type { LiveJob, ManagerState } from "./state.ts";

export interface Turn {
  readonly state: ManagerState;
  readonly clock: Clock;
  readonly effects: ManagerEffect[];
}

export function reply(turn: Turn, client: ClientId, message: ClientReply): void {
  turn.effects.push({ type: "reply", client, reply: message });
}

/** When everything committed so far is on disk. */
export function replyFlushed(turn: Turn, client: ClientId, message: ClientReply, mayWait = false): void {
  turn.effects.push({ type: "replyFlushed", client, reply: message, mayWait });
}

export function refuse(
  turn: Turn,
  client: ClientId,
  request: number,
  code: RefusalCode,
  message: string,
): void {
  reply(turn, client, { type: "refused", request, code, message });
}

/** Asks to be woken at `atMs` or earlier. */
export function wakeAt(turn: Turn, atMs: number): void {
  const { state } = turn;
  if (state.wakeAtMs === null || atMs < state.wakeAtMs) state.wakeAtMs = atMs;
}

/** Changes the record of a job: it is written with this turn, and its followers are told. */
export function updateJob(turn: Turn, job: LiveJob, change: Partial<LiveJob["record"]>): void {
  job.record = { ...job.record, ...change };
  turn.state.changed.add(job);
  turn.effects.push({ type: "recordJob", record: job.record });
}
