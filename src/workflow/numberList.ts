/** So many V8 keeps in the object itself. A view would give them memory of their own, which costs more than a copy. */
const FEW = 16;

/** Numbers that are appended one by one to a typed array, which doubles when it is full. */
export class Uint32List {
  #numbers: Uint32Array;
  #length = 0;

  /** `capacity` numbers are held before it has to grow. */
  constructor(capacity = 0) {
    this.#numbers = new Uint32Array(Math.max(FEW, capacity));
  }

  get length(): number {
    return this.#length;
  }

  push(number: number): void {
    if (this.#length === this.#numbers.length) {
      const larger = new Uint32Array(this.#length * 2);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[this.#length] = number;
    this.#length += 1;
  }

  /** 0 where there is none. */
  at(index: number): number {
    return index < this.#length ? (this.#numbers[index] ?? 0) : 0;
  }

  /** A view, or a copy of a few: of no use after the next `push`. */
  view(): Uint32Array {
    const numbers = this.#numbers;
    return numbers.length > FEW ? numbers.subarray(0, this.#length) : numbers.slice(0, this.#length);
  }
}
