/**
 * A map for what comes and goes: jobs, attempts, requests.
 *
 * V8's own Map, once so many entries were added and deleted, moves to a new table, and the old one points to the new one (for
 * iterators that are under way). Old tables that have reached the old generation thus keep all later ones alive until the next full
 * collection, with everything that was in them, so that each short-lived value is copied twice and piles up: 12 KB a job in a QWorker,
 * measured. Here the table has a box for each value, which is emptied when the value goes.
 */
interface Box<Value> {
  value: Value | undefined;
}

/** As a Map: entries in the order in which their keys came; what is added or deleted while one iterates is seen or not, as there. */
export class TransientMap<Key, Value extends object> {
  readonly #boxes = new Map<Key, Box<Value>>();

  get size(): number {
    return this.#boxes.size;
  }

  get(key: Key): Value | undefined {
    return this.#boxes.get(key)?.value;
  }

  has(key: Key): boolean {
    return this.#boxes.has(key);
  }

  set(key: Key, value: Value): this {
    const box = this.#boxes.get(key);
    if (box === undefined) this.#boxes.set(key, { value });
    else box.value = value;
    return this;
  }

  delete(key: Key): boolean {
    const box = this.#boxes.get(key);
    if (box === undefined) return false;
    box.value = undefined;
    return this.#boxes.delete(key);
  }

  clear(): void {
    for (const box of this.#boxes.values()) box.value = undefined;
    this.#boxes.clear();
  }

  keys(): IterableIterator<Key> {
    return this.#boxes.keys();
  }

  *values(): Generator<Value, void> {
    for (const { value } of this.#boxes.values()) if (value !== undefined) yield value;
  }

  *[Symbol.iterator](): Generator<[Key, Value], void> {
    for (const [key, { value }] of this.#boxes) if (value !== undefined) yield [key, value];
  }
}
