/**
 * Reads a JSON document. JSON.parse is fast and gives no positions, so these are looked for when there is a fault. The list of tasks
 * is parsed piece by piece as it is gone through, so that a million of them are never there at once.
 */
import { isAscii } from "node:buffer";
import { type ParseErrorCode, printParseErrorCode, visit } from "jsonc-parser";
import { atPosition, type FaultList, wholeDocument } from "./fault.ts";
import { ListedTasks } from "./listedTasks.ts";
import { jsonLocator } from "./locateJson.ts";
import type { ReadDocument } from "./reading.ts";
import { isEntries } from "./scalar.ts";
import { scanJson } from "./scanJson.ts";

/** At most DOCUMENT_BYTES_MAX bytes: one text has to hold them. */
export function readJson(content: Buffer, faults: FaultList): ReadDocument | null {
  const scan = scanJson(content);
  const positionOf = (offset: number): ReturnType<typeof atPosition> => positionIn(content, offset);
  if (scan.refused !== null) {
    faults.add(positionOf(scan.refused.offset), scan.refused.message);
    return null;
  }
  // ASCII becomes a text outside of the heap, at a third of the time.
  const encoding = isAscii(content) ? "latin1" : "utf8";
  const textBetween = (start: number, end: number): string => content.toString(encoding, start, end);
  let whole: string | null = null;
  const wholeText = (): string => (whole ??= textBetween(0, content.length));
  let value: unknown;
  try {
    // With a key that is there twice it is not certain which list counts.
    if (scan.taskList === null || scan.repeatedKeysAt.length > 0) value = JSON.parse(wholeText());
    else {
      const { start, end } = scan.taskList;
      const around: unknown = JSON.parse(`${textBetween(0, start)}[]${textBetween(end + 1, content.length)}`);
      const tasks = new ListedTasks(scan.taskList, textBetween, (error) =>
        faults.replaceAll(() => addSyntaxFault(wholeText(), error, faults)),
      );
      value = isEntries(around) ? { ...around, tasks } : tasks;
    }
  } catch (error) {
    addSyntaxFault(wholeText(), error, faults);
    return null;
  }
  for (const offset of scan.repeatedKeysAt) {
    faults.add(positionOf(offset), "This key is there twice: keep one of them.");
  }
  return { value, locate: (places) => jsonLocator(wholeText())(places) };
}

function positionIn(content: Buffer, offset: number): ReturnType<typeof atPosition> {
  const lineStart = content.subarray(0, offset).lastIndexOf(0x0a) + 1;
  let line = 1;
  for (let at = content.indexOf(0x0a); at >= 0 && at < offset; at = content.indexOf(0x0a, at + 1)) line += 1;
  return atPosition(line, content.toString("utf8", lineStart, offset).length + 1);
}

const SENTENCES: Readonly<Record<string, string>> = {
  InvalidSymbol: "this is no JSON value: texts and keys are in double quotes",
  InvalidNumberFormat: "this is no JSON number",
  PropertyNameExpected: "a key in double quotes is missing here (or a comma is too many)",
  ValueExpected: "a value is missing here (or a comma is too many)",
  ColonExpected: "a colon is missing here",
  CommaExpected: "a comma is missing here",
  CloseBraceExpected: "a closing } is missing here",
  CloseBracketExpected: "a closing ] is missing here",
  EndOfFileExpected: "the document should end here",
  InvalidCommentToken: "JSON has no comments: take this out, or write YAML",
  UnexpectedEndOfComment: "JSON has no comments: take this out, or write YAML",
  UnexpectedEndOfString: "the text that begins here does not end on its line",
  UnexpectedEndOfNumber: "this is no JSON number",
  InvalidUnicode: "a \\u needs four hexadecimal digits",
  InvalidEscapeCharacter: "this text has a \\ that escapes nothing: write \\\\",
  InvalidCharacter: "this text has a control character: write \\n or \\u00XX",
};

function addSyntaxFault(text: string, thrown: unknown, faults: FaultList): void {
  const first = firstSyntaxError(text);
  if (first === null) {
    const detail = thrown instanceof Error ? thrown.message : String(thrown);
    faults.add(wholeDocument, `The document is no JSON: ${detail.replaceAll(/\s+/g, " ")}.`);
    return;
  }
  const sentence = SENTENCES[printParseErrorCode(first.code)] ?? "this is no JSON";
  faults.add(atPosition(first.line, first.column), `The document is no JSON: ${sentence}.`);
}

interface SyntaxFault {
  readonly code: ParseErrorCode;
  readonly line: number;
  readonly column: number;
}

class Found extends Error {
  readonly fault: SyntaxFault;

  constructor(fault: SyntaxFault) {
    super();
    this.fault = fault;
  }
}

/** The parser recovers from faults and goes on; the throw ends it at the first. */
function firstSyntaxError(text: string): SyntaxFault | null {
  try {
    visit(
      text,
      {
        onError: (code, _offset, _length, startLine, startCharacter) => {
          throw new Found({ code, line: startLine + 1, column: startCharacter + 1 });
        },
      },
      { disallowComments: true },
    );
  } catch (thrown) {
    if (thrown instanceof Found) return thrown.fault;
    throw thrown;
  }
  return null;
}
