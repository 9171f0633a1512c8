/**
 * What Makeflow makes of the text of a command, of a value and of a list of files.
 *
 * Outside of quotes a backslash is taken away from what it escapes, and white space is squeezed. Quotes stay in commands and values:
 * they are for the shell. In double quotes variables are filled and `\n`, `\t` and the like are the characters they stand
 * for, and so they are outside of quotes in a value; single quotes only lose their backslashes. A value was read once when it was assigned, and is read again where it is used
 * outside of quotes; in double quotes it is put in as it is.
 */
import type { Raw } from "./statements.ts";
import { closingQuote } from "./scan.ts";
import { readReference } from "./variable.ts";

export interface Expansion {
  /** The value, or null for a variable that is not set; then it is empty. */
  lookup(name: string): string | null;
  /** Something is wrong at this offset of the file. */
  blame(offset: number, message: string): void;
}

/** Values that stand for values; deeper ones refer to themselves. */
const DEPTH_MAX = 16;

const CHARACTERS: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\n": " ",
};

const unescaped = (character: string): string => CHARACTERS[character] ?? character;

/** What is done with each piece; `Reader` finds the pieces. */
interface Sink {
  space(run: string): void;
  /** Outside of quotes; `escaped` if a backslash stood before it. */
  plain(character: string, escaped: boolean): void;
  /** A quoted text, variables filled, without its quotes. */
  quoted(text: string, quote: string): void;
  /** Whether a value is read again, or put in as it is by `plain`. */
  readonly rereads: boolean;
  /** Whether `\n` outside of quotes is a line break, or an n. */
  readonly unescapes: boolean;
}

class Reader {
  readonly #sink: Sink;
  readonly #expansion: Expansion;
  /** In the file; of a value that is read again, of the place where it is used. */
  readonly #offsetOf: (at: number) => number;
  readonly #depth: number;

  constructor(sink: Sink, expansion: Expansion, offsetOf: (at: number) => number, depth: number) {
    this.#sink = sink;
    this.#expansion = expansion;
    this.#offsetOf = offsetOf;
    this.#depth = depth;
  }

  read(text: string): void {
    let at = 0;
    while (at < text.length) {
      const character = text[at] ?? "";
      if (character === "\\") at = this.#escape(text, at);
      else if (character === "$") at = this.#reference(text, at);
      else if (character === '"' || character === "'") at = this.#quote(text, at);
      else if (isSpace(character)) {
        const end = spaceEnd(text, at);
        this.#sink.space(text.slice(at, end));
        at = end;
      } else {
        this.#sink.plain(character, false);
        at += 1;
      }
    }
  }

  #escape(text: string, at: number): number {
    const escaped = text[at + 1] ?? "";
    if (escaped === "\n") this.#sink.space(" ");
    else if (escaped !== "") this.#sink.plain(this.#sink.unescapes ? unescaped(escaped) : escaped, true);
    return at + 2;
  }

  #quote(text: string, open: number): number {
    const quote = text[open] ?? "";
    const close = closingQuote(text, open, text.length);
    if (close === null) {
      this.#expansion.blame(
        this.#offsetOf(open),
        `This quote is not closed on its line: write \\${quote} for the character.`,
      );
      return text.length;
    }
    const inner =
      quote === "'" ? withoutBackslashes(text, open + 1, close) : this.#doubleQuoted(text, open + 1, close);
    this.#sink.quoted(inner, quote);
    return close + 1;
  }

  #doubleQuoted(text: string, start: number, end: number): string {
    let result = "";
    // Makeflow loses the white space with which a text in double quotes begins.
    let at = Math.min(spaceEnd(text, start), end);
    while (at < end) {
      const character = text[at] ?? "";
      const single = character === "'" ? closingQuote(text, at, end) : null;
      if (single !== null) {
        // Single quotes in double ones protect what is in them from Makeflow; from the shell they do not.
        result += `'${withoutBackslashes(text, at + 1, single)}'`;
        at = single + 1;
      } else if (character === "\\") {
        const escaped = text[at + 1] ?? "";
        result += unescaped(escaped);
        at += 2;
      } else if (character === "$") {
        const found = this.#value(text, at);
        result += found.value;
        at = found.end;
      } else {
        result += character;
        at += 1;
      }
    }
    return result;
  }

  #reference(text: string, at: number): number {
    const { value, end, isVariable } = this.#value(text, at);
    if (!isVariable || !this.#sink.rereads) {
      for (const character of value) this.#sink.plain(character, true);
    } else if (this.#depth >= DEPTH_MAX) {
      this.#expansion.blame(
        this.#offsetOf(at),
        "The value of this variable refers to itself: use another name.",
      );
    } else {
      const offset = this.#offsetOf(at);
      new Reader(this.#sink, this.#expansion, () => offset, this.#depth + 1).read(value);
    }
    return end;
  }

  #value(
    text: string,
    at: number,
  ): { readonly value: string; readonly end: number; readonly isVariable: boolean } {
    const reference = readReference(text, at);
    if (reference.type === "dollar") return { value: "$", end: reference.end, isVariable: false };
    if (reference.type === "wrong") {
      this.#expansion.blame(this.#offsetOf(at), `In this text ${reference.advice}.`);
      return { value: "", end: at + 1, isVariable: false };
    }
    const value = this.#expansion.lookup(reference.name);
    if (value === null) {
      this.#expansion.blame(
        this.#offsetOf(at),
        `The variable ${reference.name} is not set here, neither in the file nor in the environment: set it above, or write \\$ for one of the shell.`,
      );
    }
    return { value: value ?? "", end: reference.end, isVariable: true };
  }
}

function withoutBackslashes(text: string, start: number, end: number): string {
  return text
    .slice(start, end)
    .replace(/\\([\s\S])/g, (_, escaped: string) => (escaped === "\n" ? " " : escaped));
}

const isSpace = (character: string): boolean => character === " " || character === "\t" || character === "\r";

function spaceEnd(text: string, from: number): number {
  let at = from;
  while (isSpace(text[at] ?? "")) at += 1;
  return at;
}

function read(raw: Raw, sink: Sink, expansion: Expansion): void {
  new Reader(sink, expansion, (at) => raw.offset + at, 0).read(raw.text);
}

/** The command as the shell gets it. */
export function expandCommand(raw: Raw, expansion: Expansion): string {
  let command = "";
  read(
    raw,
    {
      rereads: true,
      unescapes: false,
      space: () => void (command += " "),
      plain: (character) => void (command += character),
      quoted: (text, quote) => void (command += quote + text + quote),
    },
    expansion,
  );
  return command.trim();
}

/** The value as it is kept: white space and quotes stay. */
export function expandValue(raw: Raw, expansion: Expansion): string {
  let value = "";
  read(
    raw,
    {
      rereads: false,
      unescapes: true,
      space: (run) => void (value += value === "" ? "" : run),
      plain: (character) => void (value += character),
      quoted: (text, quote) => void (value += quote + text + quote),
    },
    expansion,
  );
  return value;
}

/** A word of a list of files. */
export interface Word {
  readonly text: string;
  /** Where an arrow stands in the text that no quote or backslash protects; -1 if there is none. */
  readonly arrow: number;
}

/** The words of a list of files, without their quotes. */
export function expandWords(raw: Raw, expansion: Expansion): readonly Word[] {
  const words: Word[] = [];
  let word: { text: string; arrow: number; dash: boolean } | null = null;
  const grow = (text: string, dash: boolean, isArrow: boolean): void => {
    word ??= { text: "", arrow: -1, dash: false };
    if (isArrow && word.dash && word.arrow < 0) word.arrow = word.text.length - 1;
    word.text += text;
    word.dash = dash;
  };
  const end = (): void => {
    if (word !== null) words.push({ text: word.text, arrow: word.arrow });
    word = null;
  };
  read(
    raw,
    {
      rereads: true,
      unescapes: false,
      space: end,
      plain: (character, escaped) =>
        grow(character, !escaped && character === "-", !escaped && character === ">"),
      quoted: (text) => grow(text, false, false),
    },
    expansion,
  );
  end();
  return words;
}
