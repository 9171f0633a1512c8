/** `qrew convert FILE`: a workflow of any format as a qrew document on stdout. Runs here and needs no daemon. */
import { stringify } from "yaml";
import { QrewError } from "../../../protocol/errors.ts";
import { invalidDocument, sourceName } from "../../client/submit.ts";
import { convertWorkflow } from "../../workflow/compile.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { type ImportFlags, importContext } from "../importing.ts";
import { jsonDocument } from "../json.ts";
import { readWholeDocument } from "../submitting.ts";

export interface ConvertFlags extends ImportFlags {
  readonly to: string;
  readonly json?: boolean;
}

export async function convert(context: CommandContext, file: string, flags: ConvertFlags): Promise<ExitCode> {
  const { to } = flags;
  if (to !== "yaml" && to !== "json") throw new QrewError("usage", `--to is yaml or json, not "${to}".`);
  const imports = importContext(flags);
  const source = sourceName(file);
  const converted = convertWorkflow(await readWholeDocument(file), source, imports);
  if (converted.type === "invalid") throw invalidDocument(source, converted.faults, converted.total);
  const { value } = converted;
  if (flags.json === true) await context.terminal.line(jsonDocument({ document: value }));
  else if (to === "json") await context.terminal.line(JSON.stringify(value, null, 2));
  // Long commands stay on their line, and no anchors: the text is for people.
  else
    await context.terminal.line(stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd());
  return 0;
}
