/** `listdir` and `fetch` of JX: they look at the folder in which the job will run, when it is submitted. */
import { FaultList, locatePositionsOnly } from "../../fault.ts";
import { SourceText } from "../makeflow/sourceText.ts";
import { parseJx } from "./parse.ts";
import type { Computing } from "./scope.ts";
import { type JxValue, text } from "./value.ts";

export function listed(folder: string, at: number, { files }: Computing): JxValue | string {
  const names = files?.list(folder) ?? null;
  if (names === null)
    return `listdir cannot read the folder ${JSON.stringify(folder)}: correct its name, or write the names out.`;
  return { type: "array", items: names.map((name) => text(name, at)), at };
}

export function fetched(file: string, _at: number, computing: Computing): JxValue | string {
  const shown = JSON.stringify(file);
  if (/^https?:/i.test(file))
    return `fetch does not read ${shown} from the network: save it as a file, and name that.`;
  const bytes = computing.files?.read(file) ?? null;
  if (bytes === null) return `fetch cannot read the file ${shown}: correct its name.`;
  const faults = new FaultList();
  const expression = parseJx(new SourceText(Buffer.from(bytes).toString("utf8")), faults);
  if (expression !== null) return computing.evaluate(expression, null);
  const [fault] = faults.located(locatePositionsOnly);
  return `fetch cannot read ${shown}:${fault?.line ?? 1}: ${fault?.message ?? "it is no JSON."}`;
}
