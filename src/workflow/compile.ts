/** From the bytes of a workflow document to its plan: what `qrew validate` and the planner of the QManager call. */
import type { DocumentFault } from "../../protocol/clientLink.ts";
import type { Resources } from "../../protocol/resources.ts";
import { checkDocument } from "./checkDocument.ts";
import type { ColumnPlan } from "./columnPlan.ts";
import { FaultList, type Locate, locatePositionsOnly } from "./fault.ts";
import { type ImportContext, usualImport } from "./importers/importing.ts";
import { readWorkflow } from "./importers/readWorkflow.ts";
import { ListedTasks } from "./listedTasks.ts";
import { linkTasks } from "./linkTasks.ts";
import { planDocument } from "./planDocument.ts";
import { isEntries, numberOf, WrittenNumber } from "./scalar.ts";

export interface CompileOptions {
  /** What this node can offer: a task that wants more is a fault. Null does not check. */
  readonly capacity: Resources | null;
  /** For files of other tools. Left out: the format is found out, nothing is known of files and variables, times count as recorded. */
  readonly imports?: ImportContext;
}

interface Invalid {
  readonly type: "invalid";
  /** In the order of the document, at most DOCUMENT_FAULTS_MAX. */
  readonly faults: readonly DocumentFault[];
  /** All there are, also those not listed. */
  readonly total: number;
}

export type Compiled = { readonly type: "plan"; readonly plan: ColumnPlan } | Invalid;

/**
 * Reads, checks and plans a document, or a file of another tool. `source` is the name of its file: its ending tells the
 * format, else its content does. Throws for nothing that is in the bytes. Synchronous and slow for large documents (a million tasks take seconds): call it away
 * from an event loop that others wait for.
 */
export function compileWorkflow(bytes: Uint8Array, source: string, options: CompileOptions): Compiled {
  const faults = new FaultList();
  const imports = options.imports ?? importsOfNothing;
  const read = readWorkflow(bytes, source, imports, faults);
  if (read === null) return invalid(faults, locatePositionsOnly);
  if (read.value === undefined) return invalid(faults, read.locate);
  const document = checkDocument(read.value, options.capacity, imports.files, faults);
  const links = document === null ? null : linkTasks(document, faults);
  if (document === null || links === null || faults.total > 0) return invalid(faults, read.locate);
  return { type: "plan", plan: planDocument(document, links) };
}

type Converted = { readonly type: "document"; readonly value: unknown } | Invalid;

/**
 * The qrew document that a file stands for, checked but for what nodes can offer. `value` is made of what JSON has; numbers
 * that YAML writes in their own way are text.
 */
export function convertWorkflow(bytes: Uint8Array, source: string, imports: ImportContext): Converted {
  const faults = new FaultList();
  const read = readWorkflow(bytes, source, imports, faults);
  if (read === null) return invalid(faults, locatePositionsOnly);
  if (read.value === undefined) return invalid(faults, read.locate);
  const document = checkDocument(read.value, null, imports.files, faults);
  if (document !== null) linkTasks(document, faults);
  return faults.total > 0 ? invalid(faults, read.locate) : { type: "document", value: plain(read.value) };
}

function plain(value: unknown): unknown {
  if (value instanceof WrittenNumber) return numberOf(value.text) === null ? value.value : value.text;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof ListedTasks) return Array.from(value, plain);
  if (!isEntries(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

const importsOfNothing: ImportContext = {
  ...usualImport,
  environment: {},
  files: null,
  replayCommand: ["replay"],
};

const invalid = (faults: FaultList, locate: Locate): Invalid => ({
  type: "invalid",
  faults: faults.located(locate),
  total: faults.total,
});
