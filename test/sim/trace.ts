/** What happened, in lines: the last ones are kept for people, all of them make the hash by which two runs are compared. */

/** Lines kept for a failure's report. */
const LINES_MAX = 5000;

export class Trace {
  readonly #lines: string[] = [];
  readonly #keepsAll: boolean;
  #first = 0x811c9dc5;
  #second = 0x1234567;
  #count = 0;

  constructor(keepsAll = false) {
    this.#keepsAll = keepsAll;
  }

  get count(): number {
    return this.#count;
  }

  add(atMs: number, who: string, what: string): void {
    const line = `${atMs.toFixed(3).padStart(12)}  ${who.padEnd(16)} ${what}`;
    for (let i = 0; i < line.length; i++) {
      const code = line.charCodeAt(i);
      this.#first = Math.imul(this.#first ^ code, 0x01000193);
      this.#second = Math.imul(this.#second + code, 0x2c1b3c6d) ^ (this.#second >>> 13);
    }
    this.#count++;
    this.#lines.push(line);
    if (!this.#keepsAll && this.#lines.length >= 2 * LINES_MAX) this.#lines.splice(0, LINES_MAX);
  }

  /** More about the line before, for who looks at one seed; no part of the hash. */
  explain(what: () => string): void {
    if (this.#keepsAll) this.#lines.push(`${" ".repeat(31)}${what()}`);
  }

  hash(): string {
    const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, "0");
    return `${hex(this.#first)}${hex(this.#second)}`;
  }

  tail(lines: number): readonly string[] {
    return this.#lines.slice(-lines);
  }
}
