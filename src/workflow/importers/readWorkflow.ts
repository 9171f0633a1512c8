/** From bytes to a qrew document, whatever format the bytes have. */
import { atPosition, type FaultList } from "../fault.ts";
import { isJsonDocument, readableContent, readDocumentContent } from "../readDocument.ts";
import { readJson } from "../readJson.ts";
import type { ReadDocument } from "../reading.ts";
import { detectByName, detectByValue, looksLikeMakeflow } from "./detect.ts";
import type { ImportContext } from "./importing.ts";
import { makeflowDocument, makeflowJsonDocument } from "./rulesDocument.ts";
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
  if (context.format === null && named !== "jx" && !isJsonDocument(content, source)) {
    return readDocumentContent(content, source, faults);
  }
  const before = faults.total;
  const read = readJson(content, faults);
  if (read === null || faults.total > before) {
    if (named === "jx") faults.add(atPosition(1, 1), JX_ADVICE);
    return read === null ? null : imported(read, context, faults);
  }
  return imported(read, context, faults);
}

const JX_ADVICE =
  "The expressions of JX are not evaluated: write plain JSON, as `makeflow --jx` computes it, or a qrew document with foreach.";

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
