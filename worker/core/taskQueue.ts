/** A first-in-first-out queue of task indexes: a ring that doubles, 4 bytes a task. */
export class TaskQueue {
  #ring = new Uint32Array(16);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(task: number): void {
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = task;
    this.#length++;
  }

  /** The oldest task, or null when empty. */
  peek(): number | null {
    return this.#length === 0 ? null : (this.#ring[this.#head] ?? null);
  }

  shift(): number | null {
    if (this.#length === 0) return null;
    const task = this.#ring[this.#head] ?? null;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#length--;
    return task;
  }

  clear(): void {
    this.#ring = new Uint32Array(16);
    this.#head = 0;
    this.#length = 0;
  }

  #grow(): void {
    const bigger = new Uint32Array(this.#ring.length * 2);
    for (let i = 0; i < this.#length; i++) {
      bigger[i] = this.#ring[(this.#head + i) & (this.#ring.length - 1)] ?? 0;
    }
    this.#ring = bigger;
    this.#head = 0;
  }
}
