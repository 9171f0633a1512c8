/** The bounds of reading YAML: lexemes, nesting, and what aliases unfold to. */
import type { CST } from "yaml";
import { NESTING_MAX, tooDeep } from "./reading.ts";

export class YamlTooLarge extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

/** A workflow of YAML_BYTES_MAX has some six million, each some 0.3 KB while it is read; garbage can have more. */
const LEXEMES_MAX = 8_000_000;

/** What the lexer adds to the text: the beginning of a document and of a scalar, the end of a flow. */
const MARKS: ReadonlySet<string> = new Set(["\u0002", "\u0018", "\u001f"]);

/** Passes the lexemes on. Throws where brackets, or dashes on a line, nest too deep for the parser's own bookkeeping. */
export function* lexedBounded(lexemes: Iterable<string>): Generator<string> {
  let count = 0;
  let offset = 0;
  let brackets = 0;
  let onLine = 0;
  for (const lexeme of lexemes) {
    count += 1;
    if (count > LEXEMES_MAX) {
      throw new YamlTooLarge(
        offset,
        "The document has more parts than YAML is read for: use foreach, or write it as JSON.",
      );
    }
    // No scalar is one of these alone: they would have to be in quotes, or end with a line break.
    if (lexeme === "[" || lexeme === "{") brackets += 1;
    else if (lexeme === "]" || lexeme === "}") brackets = Math.max(0, brackets - 1);
    else if (lexeme === "-" || lexeme === "?") onLine += 1;
    else if (lexeme === "\n" || lexeme === "\r\n") onLine = 0;
    if (brackets > NESTING_MAX || onLine > NESTING_MAX) throw new YamlTooLarge(offset, tooDeep);
    if (!MARKS.has(lexeme)) offset += lexeme.length;
    yield lexeme;
  }
}

/** The offset of a collection that is nested too deep, or null. */
export function nestedTooDeepAt(tokens: readonly CST.Token[]): number | null {
  const open: { readonly token: CST.Token; readonly depth: number }[] = [];
  for (const token of tokens) open.push({ token, depth: 0 });
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    if (token.type === "document") {
      if (token.value !== undefined) open.push({ token: token.value, depth });
      continue;
    }
    if (!("items" in token)) continue;
    if (depth >= NESTING_MAX) return token.offset;
    for (const { key, value } of token.items) {
      if (key !== undefined && key !== null) open.push({ token: key, depth: depth + 1 });
      if (value !== undefined) open.push({ token: value, depth: depth + 1 });
    }
  }
  return null;
}
