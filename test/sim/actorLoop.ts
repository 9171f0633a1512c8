/** The turn of an actor, as src/link/loop.ts makes it: events are collected, and the next batch waits until the last one is dealt with. */
import type { SimProcess } from "./machine.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

interface LoopHandlers<Event> {
  /** Handles a batch; the next one waits until `done` is called. */
  readonly onBatch: (events: readonly Event[], done: () => void) => void;
  readonly nextWakeMs: () => number | null;
}

export class SimLoop<Event> {
  readonly #world: World;
  readonly #process: SimProcess;
  readonly #random: Random;
  readonly #handlers: LoopHandlers<Event>;
  #events: Event[] = [];
  #scheduled = false;
  #busy = false;
  #stopped = false;
  /** Of the latest timer; an earlier one that fires is none any more. */
  #timer = 0;

  constructor(world: World, process: SimProcess, handlers: LoopHandlers<Event>) {
    this.#world = world;
    this.#process = process;
    this.#random = world.random("loop");
    this.#handlers = handlers;
  }

  push(event: Event): void {
    this.#events.push(event);
    this.#schedule();
  }

  wake(): void {
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.#process.after(this.#random.skewed(0.01, 2), () => this.#run());
  }

  #run(): void {
    this.#scheduled = false;
    if (this.#busy || this.#stopped) return;
    this.#busy = true;
    const events = this.#events;
    this.#events = [];
    this.#handlers.onBatch(events, () => {
      this.#busy = false;
      if (this.#events.length > 0) this.#schedule();
      this.#setTimer();
    });
  }

  #setTimer(): void {
    const timer = ++this.#timer;
    if (this.#stopped) return;
    const atMs = this.#handlers.nextWakeMs();
    if (atMs === null) return;
    const delayMs = Math.ceil(Math.max(0, atMs - this.#world.machine.monoMs()));
    this.#process.after(delayMs, () => {
      if (timer === this.#timer) this.#schedule();
    });
  }
}
