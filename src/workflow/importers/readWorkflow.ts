/** From bytes to a qrew document, whatever format the bytes have. */
import { type FaultList, wholeDocument } from "../fault.ts";
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
    return readDocumentContent(content, source, faults);
  }
  const read = readJson(content, faults);
  if (read !== null) return imported(read, context, faults);
  if (RULES.test(content.toString("utf8", 0, LOOKED_AT_BYTES))) faults.add(wholeDocument, JX_ADVICE);
  return null;
}

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
