/** `qrew validate FILE`: every fault at once. Runs here and needs no daemon. */
import { QrewError } from "../../../protocol/errors.ts";
import { DOCUMENT_BYTES_MAX } from "../../../protocol/limits.ts";
import { formatFault, invalidDocument, sourceName } from "../../client/submit.ts";
import { detectCapacity } from "../../node/capacity.ts";
import { compileWorkflow } from "../../workflow/compile.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { jsonDocument } from "../json.ts";
import { openDocument } from "../submitting.ts";
import { plural } from "../view/text.ts";

export interface ValidateFlags {
  readonly json?: boolean;
}

const INVALID_EXIT = 2;

export async function validate(
  context: CommandContext,
  file: string,
  flags: ValidateFlags,
): Promise<ExitCode> {
  const { terminal } = context;
  const source = sourceName(file);
  const bytes = await readWhole(file);
  const compiled = compileWorkflow(bytes, source, { capacity: detectCapacity().resources });
  if (compiled.type === "plan") {
    const { taskCount } = compiled.plan.graph;
    if (flags.json === true)
      await terminal.line(jsonDocument({ ok: true, tasks: taskCount, faults: [], total: 0 }));
    else await terminal.line(`${source} is valid: ${plural(taskCount, "task")}`);
    return 0;
  }
  if (flags.json !== true) throw invalidDocument(source, compiled.faults, compiled.total);
  const faults = compiled.faults.map((fault) => ({ ...fault, text: formatFault(source, fault) }));
  await terminal.line(jsonDocument({ ok: false, tasks: null, faults, total: compiled.total }));
  return INVALID_EXIT;
}

async function readWhole(file: string): Promise<Uint8Array> {
  const document = openDocument(file);
  if (document instanceof Uint8Array) return document;
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of document) {
    bytes += piece.length;
    if (bytes > DOCUMENT_BYTES_MAX)
      throw new QrewError("refused", `The document is larger than ${DOCUMENT_BYTES_MAX} bytes.`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
