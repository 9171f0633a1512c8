/**
 * A QWorker goes on with its jobs while there is no manager, since the next one adopts it. With no job left and no manager in
 * sight it leaves: nobody else would tell it to.
 */
import type { Store } from "../src/store/port.ts";
import { readHolder } from "../src/store/managerStore.ts";
import { isLiving } from "../src/node/process.ts";
import { isScarcity } from "../src/node/scarcity.ts";
import type { WorkerState } from "./core/state.ts";

const LOOK_MS = 5000;
/** So many looks in a row without a living manager: time for a successor to start. */
const LOOKS_MAX = 12;

export class ManagerWatch {
  readonly #managerStore: Store;
  readonly #state: WorkerState;
  readonly #leave: () => void;
  #absences = 0;

  constructor(managerStore: Store, state: WorkerState, leave: () => void) {
    this.#managerStore = managerStore;
    this.#state = state;
    this.#leave = leave;
  }

  start(): void {
    setInterval(() => this.#look(), LOOK_MS).unref();
  }

  #look(): void {
    const present = this.#isManagerPresent();
    this.#absences = present ? 0 : this.#absences + 1;
    const idle = [...this.#state.jobs.values()].every(({ phase }) => phase === "finished");
    if (this.#absences >= LOOKS_MAX && idle) this.#leave();
  }

  /** While it cannot be looked for, for want of descriptors or reader slots, it counts as present. */
  #isManagerPresent(): boolean {
    try {
      const holder = this.#managerStore.read(readHolder);
      return holder !== null && isLiving(holder);
    } catch (error) {
      if (isScarcity(error)) return true;
      throw error;
    }
  }
}
