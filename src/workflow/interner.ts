/** Gives equal things one number: most tasks of a workflow agree in class and params. */
export class Interner<Value> {
  readonly values: Value[] = [];
  readonly #numbers = new Map<string, number>();

  /** The number of the thing with this key; `make` is called for the first of its kind. */
  number(key: string, make: () => Value): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.values.length;
    this.values.push(make());
    this.#numbers.set(key, number);
    return number;
  }
}
