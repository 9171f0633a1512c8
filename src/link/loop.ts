/**
 * The turn of an actor: events are collected, handed over as a batch, and the next batch waits until the last one is dealt
 * with. Events that come in one turn of the event loop make one batch, so that one transaction serves them all.
 */

/** Monotonic milliseconds of this machine: comes from CLOCK_MONOTONIC, like the forkserver's stamps. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

export interface LoopHandlers<Event> {
  /** Handles a batch (possibly an empty one: time has passed). While its promise is pending no other batch is handed over. */
  readonly onBatch: (events: readonly Event[]) => void | Promise<void>;
  /** When a batch is wanted even without events, in monotonic milliseconds; asked after each batch. */
  readonly nextWakeMs: () => number | null;
  /** A batch threw: a defect, or a store that is gone. The loop stops before. */
  readonly onFault: (error: unknown) => void;
}

/** A longer timer would overflow; waking for nothing once a day does no harm. */
const TIMER_MS_MAX = 86_400_000;

/** Batches in a row of what earlier ones have brought about, before the event loop gets its turn. */
const BATCHES_PER_TURN = 8;

/** An actor that had nothing to do for so long begins at once; a busy one first lets the event loop gather what has come. */
const QUIET_MS = 0.5;

export class ActorLoop<Event> {
  readonly #handlers: LoopHandlers<Event>;
  #events: Event[] = [];
  #scheduled = false;
  #busy = false;
  #stopped = false;
  #timer: NodeJS.Timeout | null = null;
  /** When the last batch was dealt with. */
  #endedMs = 0;

  constructor(handlers: LoopHandlers<Event>) {
    this.#handlers = handlers;
  }

  push(event: Event): void {
    this.#events.push(event);
    // What a batch brings about itself is dealt with right after it.
    if (!this.#busy) this.schedule();
  }

  /** A batch soon, with or without events. */
  schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    // All that a frame brings is there by then; in the next turn also what other sockets bring.
    if (performance.now() - this.#endedMs > QUIET_MS) process.nextTick(() => void this.#run());
    else setImmediate(() => void this.#run());
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    this.#scheduled = false;
    if (this.#busy || this.#stopped) return;
    this.#busy = true;
    try {
      let batches = 0;
      do {
        const events = this.#events;
        this.#events = [];
        const pending = this.#handlers.onBatch(events);
        if (pending !== undefined) await pending;
        batches += 1;
      } while (this.#events.length > 0 && batches < BATCHES_PER_TURN && !this.#stopped);
    } catch (error) {
      this.stop();
      this.#handlers.onFault(error);
      return;
    }
    this.#busy = false;
    this.#endedMs = performance.now();
    if (this.#events.length > 0) this.schedule();
    this.#setTimer();
  }

  #setTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#stopped) return;
    const atMs = this.#handlers.nextWakeMs();
    if (atMs === null) return;
    const delayMs = Math.min(Math.max(0, atMs - monotonicMs()), TIMER_MS_MAX);
    this.#timer = setTimeout(() => this.schedule(), Math.ceil(delayMs));
  }
}
