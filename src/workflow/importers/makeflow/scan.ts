/**
 * The characters of a Makeflow file. A logical line ends at a line break that no backslash escapes; quotes end on their
 * line; `#` outside of quotes begins a comment, which a backslash does not continue.
 */
export interface ScannedLine {
  /** End of what counts: the comment or the line break. */
  readonly end: number;
  /** Begin of the next line. */
  readonly next: number;
  /** Offset of a quote that nothing closes. */
  readonly openQuote: number | null;
}

export function scanLine(text: string, start: number): ScannedLine {
  let at = start;
  let openQuote: number | null = null;
  while (at < text.length) {
    const character = text[at];
    if (character === "\n") return { end: at, next: at + 1, openQuote };
    if (character === "#") return { end: at, next: lineEnd(text, at) + 1, openQuote };
    if (character === "\\") at += 2;
    else if (character === '"' || character === "'") {
      const close = closingQuote(text, at, text.length);
      if (close === null) openQuote ??= at;
      at = (close ?? at) + 1;
    } else at += 1;
  }
  return { end: Math.min(at, text.length), next: text.length, openQuote };
}

/** The line break at or after the offset, or the end of the text. */
export function lineEnd(text: string, from: number): number {
  const at = text.indexOf("\n", from);
  return at < 0 ? text.length : at;
}

/** The offset of the quote that closes the one at `open`, or null. */
export function closingQuote(text: string, open: number, end: number): number | null {
  const quote = text[open];
  for (let at = open + 1; at < end; at += 1) {
    const character = text[at];
    if (character === quote) return at;
    if (character === "\n") return null;
    if (character === "\\") at += 1;
  }
  return null;
}
