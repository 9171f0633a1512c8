/** From bytes to a qrew document, whatever format the bytes have. */
import { atPosition, type FaultList, wholeDocument } from "../fault.ts";
import { isJsonDocument, readableContent, readDocumentContent } from "../readDocument.ts";
import { readJson } from "../readJson.ts";
import type { ReadDocument } from "../reading.ts";
import { detectByName, detectByValue, looksLikeMakeflow } from "./detect.ts";
import type { ImportContext } from "./importing.ts";
import { makeflowDocument, makeflowJsonDocument, makeflowJxDocument } from "./rulesDocument.ts";
import { wfformatDocument } from "./wfcommons.ts";

/** Text beyond this is not looked at to find out what it is. */
const LOOKED_AT_BYTES = 1024 * 1024;

/** The document as `checkDocument` takes it; null after faults, which have no paths. */
export function readWorkflow(
  bytes: Uint8Array,
  source: string,
  context: ImportContext,
  faults: FaultList,
): ReadDocument | null {
  const content = readableContent(bytes, faults);
  if (content === null) return null;
  const named = detectByName(source);
  if (context.format === "qrew") return readDocumentContent(content, source, faults);
  if (context.format === "makeflow" || (context.format === null && isMakeflow(content, source))) {
    return makeflowDocument(content, context, faults);
  }
  if (context.format === "makeflow-jx" || (context.format === null && named === "jx")) {
    return makeflowJxDocument(content, context, faults);
  }
  if (context.format === null && !isJsonDocument(content, source)) {
    if (!isScript(content)) return readDocumentContent(content, source, faults);
    faults.add(atPosition(1, 1), scriptAdvice(source));
    return null;
  }
  const read = readJson(content, faults);
  if (read !== null) return imported(read, context, faults);
  if (RULES.test(content.toString("utf8", 0, LOOKED_AT_BYTES))) faults.add(wholeDocument, JX_ADVICE);
  return null;
}

/** A job script, as other schedulers are given one. A workflow may be a program as well: its first line names qrew. */
const SCRIPT = /^#![^\n]*\b(?:(?:ba|da|z|k|c|tc)?sh|python|perl|ruby|Rscript|node|lua|julia)[\d.]*\b/;
const isScript = (content: Buffer): boolean => SCRIPT.test(content.toString("latin1", 0, 256));

const scriptAdvice = (source: string): string =>
  `This is a script, not a workflow: \`qrew run -- ${source.includes("/") ? source : `./${source}`}\` runs it as a task.`;

/** A Makeflow in JSON that is no JSON may be meant as JX. */
const RULES = /"rules"\s*:\s*\[/;
const JX_ADVICE = "If this is JX, call the file .jx, or say --format makeflow-jx.";

function imported(read: ReadDocument, context: ImportContext, faults: FaultList): ReadDocument | null {
  const format = context.format ?? detectByValue(read.value);
  if (format === "makeflow-json") return makeflowJsonDocument(read, context, faults);
  return format === "wfformat" ? wfformatDocument(read, context, faults) : read;
}

function isMakeflow(content: Buffer, source: string): boolean {
  const named = detectByName(source);
  if (named === "makeflow") return true;
  if (named !== null || isJsonDocument(content, source)) return false;
  return looksLikeMakeflow(content.toString("utf8", 0, LOOKED_AT_BYTES));
}
