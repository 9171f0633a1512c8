/** A Makeflow, in its own language or in JSON, as a qrew document. */
import { atPosition, FaultList, type Locate, locatePositionsOnly } from "../fault.ts";
import { readJson } from "../readJson.ts";
import type { ReadDocument } from "../reading.ts";
import { detectByName } from "./detect.ts";
import { type ImportContext, type ImportedDocument, locateByTask } from "./importing.ts";
import { readJx } from "./jx/readJx.ts";
import { readMakeflowRules } from "./makeflow/readRules.ts";
import { readMakeflowJson } from "./makeflowJson.ts";
import type { Rule } from "./rule.ts";
import { linkRules } from "./ruleTasks.ts";

/** Makeflow repeats a rule that has failed up to five times and at once, unless it is told otherwise. */
const RETRY = { limit: 5, backoff: "0s" };

export function makeflowDocument(
  content: Uint8Array,
  context: ImportContext,
  faults: FaultList,
): ReadDocument {
  const rules = readMakeflowRules(content, context.environment, faults);
  return documentOf(rules, locatePositionsOnly, context, faults);
}

/** Makeflow tells every command its cores, also one that asked for none. */
const ENVIRONMENT = { CORES: "1" };

/** `read` is the JSON as it was read. */
export function makeflowJsonDocument(
  read: ReadDocument,
  context: ImportContext,
  faults: FaultList,
): ReadDocument {
  return documentOf(readMakeflowJson(read.value, faults), read.locate, context, faults);
}

/** Null after faults. */
export function makeflowJxDocument(
  content: Uint8Array,
  context: ImportContext,
  faults: FaultList,
): ReadDocument | null {
  const read = readJx(content, context.jx, context.files, faults);
  return read === null ? null : makeflowJsonDocument(read, context, faults);
}

function documentOf(
  rules: readonly Rule[],
  locate: Locate,
  context: ImportContext,
  faults: FaultList,
): ReadDocument {
  const linked = linkRules(rules, context, readNested, faults);
  const tasks = linked.map(({ task }) => task);
  const value: ImportedDocument = { env: ENVIRONMENT, defaults: { retry: RETRY }, tasks };
  const places = linked.map(({ place }) => place);
  return { value, locate: locateByTask(places, locate) };
}

function readNested(
  bytes: Uint8Array,
  nestedPath: string,
  context: ImportContext,
  faults: FaultList,
): readonly Rule[] | null {
  const named = detectByName(nestedPath);
  // What Makeflow nests in JSON it reads as JX, whatever its name.
  const isJx = named === "jx" || context.jx.length > 0;
  if (!isJx && named !== "json") return readMakeflowRules(bytes, context.environment, faults);
  const read = isJx ? readJx(bytes, context.jx, context.files, faults) : readJson(Buffer.from(bytes), faults);
  if (read === null) return null;
  // The places of its faults are paths, which only this text can turn into positions.
  const inner = new FaultList();
  const rules = readMakeflowJson(read.value, inner);
  for (const { line, column, message } of inner.located(read.locate)) {
    faults.add(atPosition(line ?? 1, column ?? 1), message);
  }
  return rules;
}
