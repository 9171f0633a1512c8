/** The text of a Makeflow file, and the way from offsets to lines and columns. */
import { atPosition, type Place } from "../../fault.ts";

export class SourceText {
  readonly text: string;
  readonly #lineStarts: readonly number[];

  constructor(text: string) {
    this.text = text;
    const starts = [0];
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
    this.#lineStarts = starts;
  }

  /** Line of an offset, from 1. */
  lineAt(offset: number): number {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  }

  placeAt(offset: number): Place {
    const line = this.lineAt(offset);
    return atPosition(line, offset - (this.#lineStarts[line - 1] ?? 0) + 1);
  }
}
