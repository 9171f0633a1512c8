/** As much of a terminal as the live view needs: what is on the screen after a text was drawn. */
export class Screen {
  columns: number;
  #lines: string[] = [""];
  #row = 0;
  cursorVisible = true;

  constructor(columns: number) {
    this.columns = columns;
  }

  /** Lines down to the last one that is not empty; long ones are wrapped, as a terminal does. */
  shown(): readonly string[] {
    const last = this.#lines.findLastIndex((line) => line !== "");
    return this.#lines.slice(0, last + 1);
  }

  /** A terminal that becomes narrower breaks its lines. */
  resize(columns: number): void {
    const before = this.#lines.slice(0, this.#row);
    this.columns = columns;
    this.#lines = [...before.flatMap((line) => this.#wrap(line)), ""];
    this.#row = this.#lines.length - 1;
  }

  draw(text: string): void {
    const pieces = text.matchAll(/\u001b\[(\?25[lh]|\d*[AJ])|\n|\r|[^\u001b\n\r]+/g);
    let drawn = 0;
    for (const [piece, sequence] of pieces) {
      drawn += piece.length;
      if (sequence === "?25l") this.cursorVisible = false;
      else if (sequence === "?25h") this.cursorVisible = true;
      else if (sequence?.endsWith("A") === true)
        this.#row = Math.max(0, this.#row - Number.parseInt(sequence, 10));
      else if (sequence?.endsWith("J") === true) this.#lines.splice(this.#row, Number.POSITIVE_INFINITY, "");
      else if (piece === "\n") this.#newLine();
      else if (piece !== "\r") this.#write(piece);
    }
    if (drawn !== text.length)
      throw new Error(`a sequence that this screen does not know: ${JSON.stringify(text)}`);
  }

  #newLine(): void {
    this.#row += 1;
    this.#lines[this.#row] ??= "";
  }

  #write(text: string): void {
    const rows = this.#wrap((this.#lines[this.#row] ?? "") + text);
    this.#lines.splice(this.#row, 1, ...rows);
    this.#row += rows.length - 1;
  }

  #wrap(line: string): string[] {
    if (line.length <= this.columns) return [line];
    return [line.slice(0, this.columns), ...this.#wrap(line.slice(this.columns))];
  }
}
