/** Which format a file has: by its ending, else by its content. */
import type { WorkflowFormat } from "../../../protocol/clientLink.ts";
import { isMakeflowJson } from "./makeflowJson.ts";
import { isWfFormat } from "./wfcommons.ts";

/** What the name of a file says: a JSON file may hold any of three formats. */
export type NamedFormat = "makeflow" | "jx" | "json" | "yaml" | null;

export function detectByName(source: string): NamedFormat {
  if (/\.(makeflow|mf)$/i.test(source) || /(^|\/)Makeflow$/.test(source)) return "makeflow";
  if (/\.jx$/i.test(source)) return "jx";
  if (/\.json$/i.test(source)) return "json";
  return /\.ya?ml$/i.test(source) ? "yaml" : null;
}

/** Of a JSON document that was read. */
export function detectByValue(value: unknown): WorkflowFormat {
  if (isMakeflowJson(value)) return "makeflow-json";
  return isWfFormat(value) ? "wfformat" : "qrew";
}

/** A rule and its command below, indented by a tab, which YAML does not take. */
const RULE = /^[^\s#:-][^:\n]*:[^\n]*\n(?:(?:@[^\n]*|[ \t]*(?:#[^\n]*)?)\n)*\t[ \t]*[^\s#]/m;

/** Whether a text that is no JSON, and whose name says nothing, can only be a Makeflow: YAML forbids tabs. */
export const looksLikeMakeflow = (text: string): boolean => RULE.test(text);
