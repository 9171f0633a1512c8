/**
 * The attempts of a job between their dispatch and their end.
 *
 * Those of noops are a number each, since thousands of them are sent and end at a time, and all that is to be known of one is
 * written elsewhere. One that is asked for, or told to stop, becomes an object like the others.
 */
import { TransientMap } from "../../src/transientMap.ts";

export class LiveAttempts<Attempt extends object> {
  readonly #taskCount: number;
  readonly #attemptOf: (task: number) => Attempt;
  readonly #objects = new TransientMap<number, Attempt>();
  /** Tasks, in no order; the first `#noopCount` of them count. */
  #noops = new Uint32Array(0);
  #noopCount = 0;
  /** Of each task its place in `#noops`, from 1; 0 where it has none. Made for the first. */
  #places = new Uint32Array(0);

  /** `attemptOf` says what is to be known of the live attempt of a noop. */
  constructor(taskCount: number, attemptOf: (task: number) => Attempt) {
    this.#taskCount = taskCount;
    this.#attemptOf = attemptOf;
  }

  get size(): number {
    return this.#objects.size + this.#noopCount;
  }

  has(task: number): boolean {
    return (this.#places[task] ?? 0) > 0 || this.#objects.has(task);
  }

  get(task: number): Attempt | undefined {
    if (this.takeNoop(task)) this.#objects.set(task, this.#attemptOf(task));
    return this.#objects.get(task);
  }

  set(task: number, live: Attempt): void {
    this.#objects.set(task, live);
  }

  delete(task: number): void {
    if (!this.takeNoop(task)) this.#objects.delete(task);
  }

  /** All of them; those that are objects already come first, in the order of their dispatch. */
  values(): Iterable<Attempt> {
    while (this.#noopCount > 0) this.get(this.#noops[this.#noopCount - 1] ?? 0);
    return this.#objects.values();
  }

  /** All but the noops that nothing is to be known of: those have not started, have no limit, and are not told to stop. */
  notable(): Iterable<Attempt> {
    return this.#objects.values();
  }

  addNoop(task: number): void {
    if (this.#places.length === 0) this.#places = new Uint32Array(this.#taskCount);
    if (this.#noopCount === this.#noops.length) {
      const larger = new Uint32Array(Math.max(64, this.#noops.length * 2));
      larger.set(this.#noops);
      this.#noops = larger;
    }
    this.#noops[this.#noopCount] = task;
    this.#noopCount += 1;
    this.#places[task] = this.#noopCount;
  }

  /** Whether the task had the live attempt of a noop that was no object; it has none any more. */
  takeNoop(task: number): boolean {
    const place = this.#places[task] ?? 0;
    if (place === 0) return false;
    const last = this.#noops[this.#noopCount - 1] ?? 0;
    this.#noops[place - 1] = last;
    this.#places[last] = place;
    this.#places[task] = 0;
    this.#noopCount -= 1;
    return true;
  }
}
