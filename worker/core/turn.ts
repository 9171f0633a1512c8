/** One turn of the core: the state, the time of the batch, and the effects so far. */
import type { Clock, WorkerEffect } from "./events.ts";
import type { WorkerState } from "./state.ts";

export interface Turn {
  readonly state: WorkerState;
  readonly clock: Clock;
  readonly effects: WorkerEffect[];
}
