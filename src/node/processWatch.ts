/**
 * The end of a process that is not our child: nobody tells us, so it is looked for. A socket that has lost it may ask for a
 * look at once.
 */
import { isLiving, type ProcessName } from "./process.ts";
import { isScarcity } from "./scarcity.ts";

/** An end is noticed within this time. A look costs 20 µs. */
export const PROCESS_LOOK_MS = 250;

export class ProcessWatch {
  readonly #name: ProcessName;
  readonly #onEnded: () => void;
  readonly #timer: NodeJS.Timeout;
  #stopped = false;

  /** `onEnded` is called once, never from within the constructor. */
  constructor(name: ProcessName, onEnded: () => void) {
    this.#name = name;
    this.#onEnded = onEnded;
    this.#timer = setInterval(() => this.look(), PROCESS_LOOK_MS);
  }

  look(): void {
    if (this.#stopped || mayLive(this.#name)) return;
    this.stop();
    this.#onEnded();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }
}

/** Without a descriptor to look with nobody is called dead. */
function mayLive(name: ProcessName): boolean {
  try {
    return isLiving(name);
  } catch (error) {
    if (isScarcity(error)) return true;
    throw error;
  }
}
