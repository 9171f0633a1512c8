/** From the text of JX to an expression. The first thing that cannot be read ends the reading, with a fault. */
import type { FaultList } from "../../fault.ts";
import { NESTING_MAX } from "../../reading.ts";
import type { SourceText } from "../makeflow/sourceText.ts";
import {
  BINARY_OPERATORS,
  type BinaryOperator,
  type Expression,
  type Item,
  type Loop,
  type Pair,
  UNARY_OPERATORS,
} from "./syntax.ts";
import { type Token, Tokens } from "./tokens.ts";

/** Null after a fault. */
export function parseJx(source: SourceText, faults: FaultList): Expression | null {
  const parser = new Parser(source, faults);
  const expression = parser.expression();
  if (expression !== null) parser.end();
  return parser.failed ? null : expression;
}

/** `a + b + …` of more parts is evaluated deeper than a stack is. */
const CHAIN_MAX = 2000;
const CONSTANTS: ReadonlyMap<string, boolean | null> = new Map([
  ["true", true],
  ["false", false],
  ["null", null],
]);

class Parser {
  failed = false;
  readonly #source: SourceText;
  readonly #faults: FaultList;
  readonly #tokens: Tokens;
  #depth = 0;

  constructor(source: SourceText, faults: FaultList) {
    this.#source = source;
    this.#faults = faults;
    this.#tokens = new Tokens(source.text);
  }

  end(): void {
    if (this.#tokens.next.type !== "end")
      this.#expected("the end of the text (a comma or an operator is missing before this)");
  }

  expression(): Expression | null {
    if (this.#depth >= NESTING_MAX)
      return this.#fail(this.#tokens.next.at, `Nested deeper than ${NESTING_MAX} here: flatten it.`);
    this.#depth += 1;
    const expression = this.#binary(0);
    this.#depth -= 1;
    return expression;
  }

  /** As Makeflow reads it, from right to left: `a - b - c` is `a - (b - c)`. */
  #binary(level: number, parts = 1): Expression | null {
    const operators: readonly BinaryOperator[] | undefined = BINARY_OPERATORS[level];
    if (operators === undefined) return this.#unary();
    const left = this.#binary(level + 1);
    const { at } = this.#tokens.next;
    const operator = left === null ? undefined : operators.find((sign) => this.#tokens.takes(sign));
    if (left === null || operator === undefined) return left;
    if (parts > CHAIN_MAX)
      return this.#fail(at, `More than ${CHAIN_MAX} parts are joined here: use join([…], "").`);
    const right = this.#binary(level, parts + 1);
    return right === null ? null : { type: "binary", operator, left, right, at };
  }

  #unary(): Expression | null {
    const { at } = this.#tokens.next;
    const operator = UNARY_OPERATORS.find((sign) => this.#tokens.takes(sign));
    if (operator === undefined) return this.#suffixes(this.#primary());
    if (this.#depth >= NESTING_MAX)
      return this.#fail(at, `Nested deeper than ${NESTING_MAX} here: flatten it.`);
    this.#depth += 1;
    const operand = this.#unary();
    this.#depth -= 1;
    return operand === null ? null : { type: "unary", operator, operand, at };
  }

  /** Calls, `[index]` and `[from:to]`, as many as there are. */
  #suffixes(first: Expression | null): Expression | null {
    let expression = first;
    for (let count = 0; expression !== null; count += 1) {
      const { at } = this.#tokens.next;
      if (count > CHAIN_MAX) return this.#fail(at, "Too many brackets in a row: shorten this.");
      if (this.#tokens.takes("[")) expression = this.#lookup(expression, at);
      else if (this.#tokens.takes("(")) {
        if (expression.type !== "symbol")
          return this.#fail(at, "Only functions can be called: put an operator or a comma before this (.");
        const args = this.#items(")");
        expression = args === null ? null : { type: "call", name: expression.name, args, at: expression.at };
      } else return expression;
    }
    return null;
  }

  #lookup(of: Expression, at: number): Expression | null {
    const from = this.#isNext(":") ? null : this.expression();
    if (this.failed) return null;
    if (this.#tokens.takes(":")) {
      const to = this.#isNext("]") ? null : this.expression();
      return this.#closes("]") ? { type: "slice", of, from, to, at } : null;
    }
    return this.#closes("]") && from !== null ? { type: "lookup", of, index: from, at } : null;
  }

  #primary(): Expression | null {
    const token = this.#tokens.next;
    const { at } = token;
    if (token.type === "text" || token.type === "number") {
      this.#tokens.take();
      return { type: "literal", value: token.value, whole: token.type === "number" && token.whole, at };
    }
    if (token.type === "word") {
      this.#tokens.take();
      const constant = CONSTANTS.get(token.value);
      if (constant !== undefined) return { type: "literal", value: constant, whole: false, at };
      return { type: "symbol", name: token.value, at };
    }
    if (this.#tokens.takes("(")) {
      const inner = this.expression();
      return inner !== null && this.#closes(")") ? inner : null;
    }
    if (this.#tokens.takes("[")) {
      const items = this.#items("]");
      return items === null ? null : { type: "array", items, at };
    }
    if (this.#tokens.takes("{")) {
      const pairs = this.#pairs();
      return pairs === null ? null : { type: "object", pairs, at };
    }
    return this.#expected("a value");
  }

  /** Up to the closing bracket; a comma before it is allowed. */
  #items(close: "]" | ")"): readonly Item[] | null {
    const items: Item[] = [];
    while (!this.#tokens.takes(close)) {
      const body = this.expression();
      const loops = body === null ? null : this.#loops();
      if (body === null || loops === null) return null;
      items.push({ body, loops });
      if (!this.#tokens.takes(",") && !this.#isNext(close)) return this.#expected(`a comma or ${close}`);
    }
    return items;
  }

  #loops(): readonly Loop[] | null {
    const loops: Loop[] = [];
    while (this.#isWord("for")) {
      const { at } = this.#tokens.take();
      const variable = this.#tokens.take();
      if (variable.type !== "word") return this.#expected("the name of a variable after for", variable);
      if (!this.#isWord("in")) return this.#expected("`in` and a list");
      this.#tokens.take();
      const list = this.expression();
      if (list === null) return null;
      let condition: Expression | null = null;
      if (this.#isWord("if")) {
        this.#tokens.take();
        condition = this.expression();
        if (condition === null) return null;
      }
      loops.push({ variable: variable.value, list, condition, at });
    }
    return loops;
  }

  #pairs(): readonly Pair[] | null {
    const pairs: Pair[] = [];
    while (!this.#tokens.takes("}")) {
      const key = this.expression();
      if (key === null) return null;
      if (!this.#tokens.takes(":")) return this.#expected("a colon and the value of this key");
      const value = this.expression();
      if (value === null) return null;
      pairs.push({ key, value });
      if (!this.#tokens.takes(",") && !this.#isNext("}")) return this.#expected("a comma or }");
    }
    return pairs;
  }

  #isNext(sign: string): boolean {
    return this.#tokens.next.type === "sign" && this.#tokens.next.value === sign;
  }

  #isWord(word: string): boolean {
    return this.#tokens.next.type === "word" && this.#tokens.next.value === word;
  }

  #closes(sign: string): boolean {
    if (this.failed) return false;
    if (this.#tokens.takes(sign)) return true;
    this.#expected(`a closing ${sign}`);
    return false;
  }

  #expected(what: string, found: Token = this.#tokens.next): null {
    if (found.type === "wrong") return this.#fail(found.at, found.message);
    const shown =
      found.type === "end" ? "the end of the text" : found.type === "text" ? "a text" : `"${found.value}"`;
    return this.#fail(found.at, `Expected ${what} here, found ${shown}.`);
  }

  #fail(at: number, message: string): null {
    if (!this.failed) this.#faults.add(() => this.#source.placeAt(at), message);
    this.failed = true;
    return null;
  }
}
