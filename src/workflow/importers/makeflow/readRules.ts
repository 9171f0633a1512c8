/** The rules of a Makeflow file. */
import type { FaultList } from "../../fault.ts";
import type { Rule } from "../rule.ts";
import { evaluateMakeflow } from "./evaluate.ts";
import { parseMakeflow } from "./parse.ts";
import { SourceText } from "./sourceText.ts";

/** `environment` is that of the submitter. What is wrong is blamed with its position, all of it in one go. */
export function readMakeflowRules(
  content: Uint8Array,
  environment: Readonly<Record<string, string>>,
  faults: FaultList,
): readonly Rule[] {
  const source = new SourceText(Buffer.from(content).toString("utf8").replaceAll("\r\n", "\n"));
  return evaluateMakeflow(parseMakeflow(source, faults), source, environment, faults);
}
