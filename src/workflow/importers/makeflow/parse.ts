/** From the text of a Makeflow file to its statements. What is wrong is blamed, and reading goes on with the next line. */
import type { FaultList } from "../../fault.ts";
import { lineEnd, scanLine } from "./scan.ts";
import type { SourceText } from "./sourceText.ts";
import type { Assignment, Raw, RuleStatement, Statement } from "./statements.ts";
import { VARIABLE_NAME } from "./variable.ts";

export function parseMakeflow(source: SourceText, faults: FaultList): readonly Statement[] {
  return new Parser(source, faults).statements();
}

const ASSIGNMENT = /[ \t]*(@?)[ \t]*([^\s:+="'$#@\\]*)[ \t]*(\+?=)/y;
const EXPORT = /export(?=[ \t])/y;
const DIRECTIVE = /\.[A-Z_]+(?=[ \t\n]|$)/y;

class Parser {
  readonly #source: SourceText;
  readonly #text: string;
  readonly #faults: FaultList;
  #at = 0;

  constructor(source: SourceText, faults: FaultList) {
    this.#source = source;
    this.#text = source.text;
    this.#faults = faults;
  }

  statements(): readonly Statement[] {
    const statements: Statement[] = [];
    for (this.#skipEmptyLines(); this.#at < this.#text.length; this.#skipEmptyLines()) {
      statements.push(...this.#statement());
    }
    return statements;
  }

  #statement(): readonly Statement[] {
    const start = this.#at;
    const first = this.#text[start];
    if (this.#matches(EXPORT, start) !== null) return this.#export(start);
    if (this.#matches(DIRECTIVE, start) !== null) {
      return [{ type: "directive", offset: start, words: wordsOf(this.#line()) }];
    }
    if (first === " " || first === "\t") {
      this.#line();
      const message =
        "This command has no rule: before it stands `outputs: inputs`, and a rule has one command (join several by ;).";
      this.#blame(start, message);
      return [];
    }
    const assignment = this.#assignment(start);
    if (assignment === "wrong") return [];
    if (assignment !== null) {
      if (first !== "@") return [assignment];
      this.#blame(
        start,
        `@${assignment.name} is set outside of a rule: put it below \`outputs: inputs\`, or take away the @.`,
      );
      return [];
    }
    return this.#rule(start);
  }

  /** `NAME = value`, `NAME += value`, with `@` or without; null if the line is something else. */
  #assignment(start: number): Assignment | "wrong" | null {
    const match = this.#matches(ASSIGNMENT, start);
    if (match === null) return null;
    const [whole, , name = "", operator] = match;
    if (!VARIABLE_NAME.test(name)) {
      this.#line();
      const what =
        name === ""
          ? "This assignment has no name"
          : `${JSON.stringify(name)} cannot be the name of a variable`;
      this.#blame(start, `${what}: names have letters, digits and _.`);
      return "wrong";
    }
    const line = this.#line();
    const value = { text: line.text.slice(whole.length), offset: start + whole.length };
    return { type: "assignment", offset: start, name, operator: operator === "+=" ? "+=" : "=", value };
  }

  /** `export NAME…` or `export NAME=value`. */
  #export(start: number): readonly Statement[] {
    const after = start + "export".length;
    if (this.#matches(ASSIGNMENT, after) !== null) {
      this.#at = after;
      const assignment = this.#assignment(after);
      if (assignment === null || assignment === "wrong") return [];
      return [assignment, { type: "export", names: [assignment.name] }];
    }
    const words = wordsOf(this.#line()).slice(1);
    const wrong = words.find(({ text }) => !VARIABLE_NAME.test(text));
    if (words.length === 0)
      this.#blame(start, "export names no variable: write export NAME or export NAME=value.");
    if (wrong !== undefined) {
      this.#blame(
        wrong.offset,
        `${JSON.stringify(wrong.text)} cannot be the name of a variable: names have letters, digits and _.`,
      );
      return [];
    }
    return [{ type: "export", names: words.map(({ text }) => text) }];
  }

  #rule(start: number): readonly RuleStatement[] {
    const header = this.#line();
    const colon = colonIn(header.text);
    if (colon === null) {
      const message =
        "This is no rule, variable or directive of Makeflow: a rule is `outputs: inputs` with an indented command below.";
      this.#blame(start, message);
      this.#skipCommand();
      return [];
    }
    const assignments: Assignment[] = [];
    for (;;) {
      this.#skipEmptyLines();
      const at = this.#at;
      const isIndented = /[ \t]/.test(this.#text[at] ?? "");
      const isLocal = /[ \t]*@/y.exec(this.#text.slice(at, lineEnd(this.#text, at))) !== null;
      const assignment = isIndented && !isLocal ? null : this.#assignment(at);
      if (assignment === "wrong") continue;
      if (assignment !== null) {
        assignments.push(assignment);
        continue;
      }
      if (!isIndented) {
        this.#blame(start, "This rule has no command: put one below it, indented by a tab.");
        return [];
      }
      const inputs = { text: header.text.slice(colon + 1), offset: start + colon + 1 };
      const outputs = { text: header.text.slice(0, colon), offset: start };
      return [{ type: "rule", offset: start, outputs, inputs, assignments, command: this.#line() }];
    }
  }

  /** The logical line at the cursor, which goes behind it. */
  #line(): Raw {
    const offset = this.#at;
    const { end, next, openQuote } = scanLine(this.#text, offset);
    if (openQuote !== null) {
      this.#blame(
        openQuote,
        "This quote is not closed on its line: close it, or write a backslash before it.",
      );
    }
    this.#at = next;
    return { text: this.#text.slice(offset, end), offset };
  }

  #skipEmptyLines(): void {
    while (this.#at < this.#text.length) {
      const end = lineEnd(this.#text, this.#at);
      if (!/^[ \t\r]*(#|$)/.test(this.#text.slice(this.#at, end))) return;
      this.#at = end + 1;
    }
  }

  #skipCommand(): void {
    this.#skipEmptyLines();
    if (/[ \t]/.test(this.#text[this.#at] ?? "")) this.#line();
  }

  #matches(pattern: RegExp, at: number): RegExpExecArray | null {
    pattern.lastIndex = at;
    return pattern.exec(this.#text);
  }

  #blame(offset: number, message: string): void {
    this.#faults.add(() => this.#source.placeAt(offset), message);
  }
}

/** The first colon that neither quote nor backslash protects. */
function colonIn(text: string): number | null {
  let at = 0;
  while (at < text.length) {
    const character = text[at];
    if (character === ":") return at;
    if (character === "\\") at += 2;
    else if (character === '"' || character === "'") {
      const close = text.indexOf(character, at + 1);
      at = (close < 0 ? at : close) + 1;
    } else at += 1;
  }
  return null;
}

/** Words by white space; directives have no quotes. */
function wordsOf(line: Raw): readonly Raw[] {
  return [...line.text.matchAll(/[^\s\\]+/g)].map((match) => ({
    text: match[0],
    offset: line.offset + match.index,
  }));
}
