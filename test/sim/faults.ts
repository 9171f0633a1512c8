/** What goes wrong, from the seed. After `endMs` nothing goes wrong any more, and the work has to end. */
import { MANAGER_SOCKET_NAME } from "../../protocol/ids.ts";
import type { FaultKind, FaultSettings } from "./faultSettings.ts";
import type { SimProcess } from "./machine.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

/** From an assignment to the power cut that it may bring about. */
const CUT_MS_MAX = 500;

export class Faults {
  readonly #world: World;
  readonly #settings: FaultSettings;
  readonly #random: Random;
  #diskFullUntilMs = 0;

  constructor(world: World, settings: FaultSettings) {
    this.#world = world;
    this.#settings = settings;
    this.#random = world.random("faults");
  }

  plan(): void {
    const { kinds, count, endMs } = this.#settings;
    const [first, ...others] = kinds;
    if (first === undefined) return;
    for (let i = 0; i < count; i++) {
      const kind = this.#random.pick([first, ...others]);
      this.#world.timeline.at(this.#random.between(0, endMs), () => this.#strike(kind));
    }
  }

  get areOver(): boolean {
    return this.#world.timeline.nowMs >= this.#settings.endMs;
  }

  slowsMessage(): boolean {
    return this.#happens(this.#settings.slow);
  }

  doublesFrame(): boolean {
    return this.#happens(this.#settings.double);
  }

  spawnFails(): boolean {
    return this.#happens(this.#settings.spawnFailure);
  }

  isDiskFull(): boolean {
    return this.#world.timeline.nowMs < this.#diskFullUntilMs;
  }

  /** A point at which the process may die, and perhaps does. */
  crashesNow(process: SimProcess): boolean {
    if (!process.isAlive) return true;
    if (!this.#happens(this.#settings.crash)) return false;
    this.#world.note("fault", `kills ${process.name} in the middle of its turn`);
    process.end();
    return true;
  }

  /** A job cannot be read for want of something. */
  loadFails(): boolean {
    return this.#happens(this.#settings.loadFailure);
  }

  /** The manager has given a job, or another round of it, to a QWorker. */
  afterAssignment(): void {
    if (!this.#happens(this.#settings.cutAfterAssignment)) return;
    this.#world.timeline.after(this.#random.skewed(1, CUT_MS_MAX), () => this.#world.powerCut());
  }

  #happens(probability: number): boolean {
    return probability > 0 && !this.areOver && this.#random.chance(probability);
  }

  #strike(kind: FaultKind): void {
    switch (kind) {
      case "killManager":
        return this.#kill("manager");
      case "killWorker":
        return this.#kill("worker-");
      case "killExecutor":
        return this.#kill("executor-");
      case "killForkserver":
        return this.#kill("forkserver-");
      case "killAllButForkservers":
        this.#world.note("fault", "kills all but the forkservers");
        for (const process of this.#world.machine.living()) {
          if (!process.name.startsWith("forkserver-")) process.end();
        }
        return;
      case "freeze":
        return this.#freeze();
      case "resetLinks":
        return this.#reset();
      case "powerCut":
        return this.#world.powerCut();
      case "fillDisk":
        this.#world.note("fault", "fills the disk");
        this.#diskFullUntilMs = this.#world.timeline.nowMs + this.#random.between(10, 3000);
        return;
      case "stopDaemon":
        return this.#world.stopDaemon(this.#random.chance(0.5));
      default:
        kind satisfies never;
    }
  }

  #pick(prefix: string): SimProcess | null {
    const [first, ...others] = this.#world.machine.living().filter(({ name }) => name.startsWith(prefix));
    return first === undefined ? null : this.#random.pick([first, ...others]);
  }

  #kill(prefix: string): void {
    const victim = this.#pick(prefix);
    if (victim === null) return;
    this.#world.note("fault", `kills ${victim.name} (${victim.pid})`);
    victim.end();
  }

  #freeze(): void {
    const victim = this.#pick("");
    if (victim === null) return;
    const durationMs = this.#random.skewed(50, 25_000);
    this.#world.note("fault", `freezes ${victim.name} (${victim.pid}) for ${durationMs.toFixed(0)} ms`);
    victim.freeze();
    this.#world.timeline.after(durationMs, () => victim.thaw());
  }

  #reset(): void {
    const paths = this.#world.network.paths().filter((path) => path !== MANAGER_SOCKET_NAME);
    const [first, ...others] = paths;
    if (first === undefined) return;
    const path = this.#random.pick([first, ...others]);
    this.#world.note("fault", `resets the connections of ${path}`);
    this.#world.network.reset(path);
  }
}
