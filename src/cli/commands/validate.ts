/** `qrew validate FILE`: every fault at once. Runs here and needs no daemon. */
import { formatFault, invalidDocument, sourceName } from "../../client/submit.ts";
import { detectCapacity } from "../../node/capacity.ts";
import { compileWorkflow } from "../../workflow/compile.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { type ImportFlags, importContext } from "../importing.ts";
import { jsonDocument } from "../json.ts";
import { readWholeDocument } from "../submitting.ts";
import { plural } from "../view/text.ts";

export interface ValidateFlags extends ImportFlags {
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
  const imports = importContext(flags);
  const bytes = await readWholeDocument(file);
  const compiled = compileWorkflow(bytes, source, { capacity: detectCapacity().resources, imports });
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
