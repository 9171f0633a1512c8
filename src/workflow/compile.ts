/** From the bytes of a workflow document to its plan: what `qrew validate` and the planner of the QManager call. */
import type { DocumentFault } from "../../protocol/clientLink.ts";
import type { Resources } from "../../protocol/resources.ts";
import { checkDocument } from "./checkDocument.ts";
import type { ColumnPlan } from "./columnPlan.ts";
import { FaultList, type Locate, locatePositionsOnly } from "./fault.ts";
import { linkTasks } from "./linkTasks.ts";
import { planDocument } from "./planDocument.ts";
import { readDocument } from "./readDocument.ts";

export interface CompileOptions {
  /** What this node can offer: a task that wants more is a fault. Null does not check. */
  readonly capacity: Resources | null;
}

export type Compiled =
  | { readonly type: "plan"; readonly plan: ColumnPlan }
  | {
      readonly type: "invalid";
      /** In the order of the document, at most DOCUMENT_FAULTS_MAX. */
      readonly faults: readonly DocumentFault[];
      /** All there are, also those not listed. */
      readonly total: number;
    };

/**
 * Reads, checks and plans a document. `source` is the name of its file: its ending tells JSON from YAML. Throws for
 * nothing that is in the bytes. Synchronous and slow for large documents (a million tasks take seconds): call it away
 * from an event loop that others wait for.
 */
export function compileWorkflow(bytes: Uint8Array, source: string, options: CompileOptions): Compiled {
  const faults = new FaultList();
  const read = readDocument(bytes, source, faults);
  if (read === null) return invalid(faults, locatePositionsOnly);
  const document = checkDocument(read.value, options.capacity, faults);
  const links = document === null ? null : linkTasks(document, faults);
  if (document === null || links === null || faults.total > 0) return invalid(faults, read.locate);
  return { type: "plan", plan: planDocument(document, links) };
}

const invalid = (faults: FaultList, locate: Locate): Compiled => ({
  type: "invalid",
  faults: faults.located(locate),
  total: faults.total,
});
