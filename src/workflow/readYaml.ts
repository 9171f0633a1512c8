/**
 * Reads a YAML document (1.2 core schema, anchors, aliases and merge keys) with the yaml package, step by step: the
 * package has no bounds of its own on nesting, errors or aliases, so each step is watched.
 */
import { Composer, type CST, type Document, Lexer, LineCounter, Parser } from "yaml";
import { atPosition, type FaultList, type Position, wholeDocument } from "./fault.ts";
import { yamlLocator } from "./locateYaml.ts";
import { type ReadDocument, tooDeep } from "./reading.ts";
import { lexedBounded, nestedTooDeepAt, YamlTooLarge } from "./yamlBounds.ts";
import { yamlAdvice } from "./yamlAdvice.ts";
import { yamlValue } from "./yamlValue.ts";

/** YAML is read at some 2 MB per second and takes a hundred times its size in memory; JSON is fifty times faster. */
export const YAML_BYTES_MAX = 16 * 1024 * 1024;

const SYNTAX_FAULTS_MAX = 20; // what follows from an earlier one only confuses

export function readYaml(content: Buffer, faults: FaultList): ReadDocument | null {
  if (content.length > YAML_BYTES_MAX) {
    faults.add(
      wholeDocument,
      `The document has ${content.length} bytes, YAML is read up to ${YAML_BYTES_MAX}: use foreach, or write it as JSON.`,
    );
    return null;
  }
  const lines = new LineCounter();
  lines.addNewLine(0);
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const document = composed(content.toString("utf8"), lines, positionAt, faults);
  if (document === null) return null;
  if (document.contents === null) {
    faults.add(wholeDocument, "The document is empty: write a list of tasks, or an object with tasks.");
    return null;
  }
  const total = faults.total;
  const { value, targets } = yamlValue(document.contents, (offset, message) => {
    const { line, column } = positionAt(offset);
    faults.add(atPosition(line, column), message);
  });
  if (faults.total > total) return null;
  return { value, locate: yamlLocator(document.contents, targets, positionAt) };
}

type PositionAt = (offset: number) => Position;

function composed(
  text: string,
  lines: LineCounter,
  positionAt: PositionAt,
  faults: FaultList,
): Document.Parsed | null {
  const addFault = (offset: number, message: string): void => {
    const { line, column } = positionAt(offset);
    faults.add(atPosition(line, column), message);
  };
  let tokens: readonly CST.Token[];
  try {
    tokens = parsed(text, lines);
  } catch (thrown) {
    if (!(thrown instanceof YamlTooLarge)) throw thrown;
    addFault(thrown.offset, thrown.message);
    return null;
  }
  const deep = nestedTooDeepAt(tokens);
  if (deep !== null) {
    addFault(deep, tooDeep);
    return null;
  }
  const { documents, errors } = compose(tokens, text.length);
  tellErrors(text, errors, positionAt, addFault);
  const [document, second] = documents;
  if (errors.length > 0 || document === undefined) return null;
  if (second === undefined) return document;
  addFault(second.range[0], "A second document begins here: a file has one workflow, split it.");
  return null;
}

function tellErrors(
  text: string,
  errors: readonly SyntaxError[],
  positionAt: PositionAt,
  addFault: (offset: number, message: string) => void,
): void {
  let advisedLine = 0; // what else is wrong on a line with advice follows from the same mistake
  for (const { offset, message } of errors.slice(0, SYNTAX_FAULTS_MAX)) {
    const { line } = positionAt(offset);
    if (line === advisedLine) continue;
    const advice = yamlAdvice(text, offset, message);
    if (advice !== null) advisedLine = line;
    const sentence = message.replaceAll(/\s+/g, " ").replace(/[.:]?$/, ".");
    addFault(advice?.offset ?? offset, advice?.message ?? `The document is no YAML: ${sentence}`);
  }
}

/** The tokens up to the first error. */
function parsed(text: string, lines: LineCounter): readonly CST.Token[] {
  const parser = new Parser(lines.addNewLine);
  const tokens: CST.Token[] = [];
  for (const lexeme of lexedBounded(new Lexer().lex(text))) {
    for (const token of parser.next(lexeme)) {
      tokens.push(token);
      if (token.type === "error") return tokens;
    }
  }
  tokens.push(...parser.end());
  return tokens;
}

interface SyntaxError {
  readonly offset: number;
  readonly message: string;
}

interface Composed {
  readonly documents: readonly Document.Parsed[];
  /** In the order of the text. */
  readonly errors: readonly SyntaxError[];
}

class EnoughErrors extends Error {}

function compose(tokens: readonly CST.Token[], length: number): Composed {
  const errors: SyntaxError[] = [];
  // Keys are compared by yamlValue: the composer would compare each with each.
  const composer = new Composer({ version: "1.2", uniqueKeys: false, strict: true, keepSourceTokens: false });
  const documents: Document.Parsed[] = [];
  limitErrors(composer, errors);
  try {
    for (const document of composer.compose(tokens, true, length)) {
      documents.push(document);
      for (const { pos, message } of [...document.errors, ...document.warnings]) {
        errors.push({ offset: pos[0], message });
      }
      if (documents.length > 1) break;
    }
  } catch (thrown) {
    if (!(thrown instanceof EnoughErrors)) throw thrown;
  }
  return { documents, errors: errors.toSorted((a, b) => a.offset - b.offset) };
}

/** The composer has an error object for each of a million errors; its handler is replaced by one that stops. */
function limitErrors(composer: Composer, errors: SyntaxError[]): void {
  const onError: unknown = Reflect.get(composer, "onError");
  if (typeof onError !== "function") return;
  Reflect.set(composer, "onError", (source: unknown, _code: unknown, message: string) => {
    errors.push({ offset: offsetIn(source), message });
    if (errors.length >= SYNTAX_FAULTS_MAX) throw new EnoughErrors();
  });
}

function offsetIn(source: unknown): number {
  if (typeof source === "number") return source;
  if (Array.isArray(source)) return Number(source[0]);
  return typeof source === "object" && source !== null && "offset" in source ? Number(source.offset) : 0;
}
