/** From the text of JX to its tokens. `#` begins a comment that ends with its line. */

export type Token =
  | { readonly type: "text"; readonly value: string; readonly at: number }
  | { readonly type: "number"; readonly value: number; readonly whole: boolean; readonly at: number }
  | { readonly type: "word"; readonly value: string; readonly at: number }
  /** An operator, a bracket or a separator; `and`, `or` and `not` whichever way they are written. */
  | { readonly type: "sign"; readonly value: string; readonly at: number }
  | { readonly type: "end"; readonly at: number }
  /** What cannot be read; `message` says what to do. */
  | { readonly type: "wrong"; readonly message: string; readonly at: number };

const BLANK = /(?:\s+|#[^\n]*)*/y;
const NUMBER = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const WORD = /[A-Za-z_]\w*/y;
const SIGN = /==|!=|<=|>=|&&|\|\||[-+*/%<>!()[\]{},:]/y;

const WORD_SIGNS: ReadonlyMap<string, string> = new Map([
  ["&&", "and"],
  ["||", "or"],
  ["!", "not"],
]);
const WORDS_THAT_ARE_SIGNS = new Set(["and", "or", "not"]);
const ESCAPES: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

export class Tokens {
  readonly #text: string;
  #next: Token;
  #at = 0;

  constructor(source: string) {
    this.#text = source;
    this.#next = this.#read();
  }

  /** The token to come. */
  get next(): Token {
    return this.#next;
  }

  take(): Token {
    const token = this.#next;
    if (token.type !== "end" && token.type !== "wrong") this.#next = this.#read();
    return token;
  }

  /** Takes the sign if it comes next. */
  takes(sign: string): boolean {
    const isNext = this.#next.type === "sign" && this.#next.value === sign;
    if (isNext) this.take();
    return isNext;
  }

  #read(): Token {
    this.#match(BLANK);
    const at = this.#at;
    const first = this.#text[at];
    if (first === undefined) return { type: "end", at };
    if (first === '"') return this.#textAt(at);
    const number = this.#match(NUMBER);
    if (number !== null) return numberAt(number, at);
    const word = this.#match(WORD);
    if (word !== null) {
      return WORDS_THAT_ARE_SIGNS.has(word)
        ? { type: "sign", value: word, at }
        : { type: "word", value: word, at };
    }
    const sign = this.#match(SIGN);
    if (sign !== null) return { type: "sign", value: WORD_SIGNS.get(sign) ?? sign, at };
    return { type: "wrong", message: adviceFor(first), at };
  }

  #textAt(at: number): Token {
    let end = at + 1;
    while (end < this.#text.length && this.#text[end] !== '"') end += this.#text[end] === "\\" ? 2 : 1;
    if (end >= this.#text.length)
      return { type: "wrong", message: 'The text that begins here has no end: close it with ".', at };
    this.#at = end + 1;
    return { type: "text", value: unescaped(this.#text.slice(at + 1, end)), at };
  }

  /** Takes what the pattern matches here; null if it does not. */
  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return null;
    this.#at = pattern.lastIndex;
    return match[0];
  }
}

function numberAt(written: string, at: number): Token {
  const value = Number(written);
  const whole = /^\d+$/.test(written);
  if (!whole || Number.isSafeInteger(value)) return { type: "number", value, whole, at };
  const message = `${written} is too large: whole numbers go up to ${Number.MAX_SAFE_INTEGER} here.`;
  return { type: "wrong", message, at };
}

const unescaped = (raw: string): string =>
  raw.replaceAll(/\\(u[0-9a-fA-F]{4}|[\s\S])/g, (_, escape: string) =>
    escape.length > 1
      ? String.fromCharCode(Number.parseInt(escape.slice(1), 16))
      : (ESCAPES[escape] ?? escape),
  );

function adviceFor(character: string): string {
  switch (character) {
    case "'":
      return "Texts of JX stand in double quotes: write \" in place of '.";
    case "=":
      return "A single = compares nothing: write ==.";
    case "&":
    case "|":
      return `A single ${character} means nothing in JX: write ${character}${character}.`;
    default:
      return `${JSON.stringify(character)} means nothing in JX here: take it out, or put the text in double quotes.`;
  }
}
