/** What to do about the YAML faults that workflows invite: `{{i}}` without quotes, shell text with a colon, and tabs. */
import { isMap, type ParsedNode, type YAMLMap } from "yaml";
import { quoted } from "./scalar.ts";

/** The placeholder that this object was meant to be: YAML takes `{{i}}` for an object with an object as its key. */
export function meantPlaceholder(
  map: YAMLMap.Parsed,
  keyText: (key: ParsedNode) => string | null,
): string | null {
  const inner = onlyKey(map);
  if (inner === null || !isMap(inner)) return null;
  const key = onlyKey(inner);
  const name = key === null ? null : keyText(key);
  return name === null ? null : `{{${name}}}`;
}

function onlyKey(map: YAMLMap.Parsed): ParsedNode | null {
  const [item, second] = map.items;
  const isBare = item !== undefined && second === undefined && map.flow === true && item.value === null;
  return isBare ? item.key : null;
}

export const quotePlaceholder = (placeholder: string): string =>
  `A value that begins with {{ must be in quotes, all of it, as ${quoted(placeholder)}.`;

export interface YamlAdvice {
  readonly offset: number;
  readonly message: string;
}

/** Up to where an unquoted value with a placeholder at its beginning is still an object to YAML. */
const PLACEHOLDER_VALUE = /(?:^\s*|[:,-]\s+|\[\s*)(\{\{[^{}"']*\}\})\s*$/;

/** A sentence in place of that of the YAML package, which found a fault at `offset`; null where its own is as good. */
export function yamlAdvice(text: string, offset: number, message: string): YamlAdvice | null {
  const lineStart = text.lastIndexOf("\n", offset - 1) + 1;
  if (message.includes("at node end")) {
    const [, placeholder] = PLACEHOLDER_VALUE.exec(text.slice(lineStart, offset)) ?? [];
    if (placeholder === undefined) return null;
    return { offset: text.lastIndexOf("{{", offset - 1), message: quotePlaceholder(placeholder) };
  }
  if (message.startsWith("Tabs are not allowed")) {
    return { offset, message: "A tab begins this line, and YAML takes only spaces: indent with spaces." };
  }
  const lineEnd = text.indexOf("\n", offset);
  const rest = text.slice(offset, lineEnd < 0 ? text.length : lineEnd);
  const isNested = /^(?:Nested mappings|Block collections) are not allowed/.test(message);
  if (!isNested || !/:(?:\s|$)/.test(rest)) return null;
  return {
    offset,
    message: 'Text that holds ": " must be in quotes, or written as a block with | on the lines below.',
  };
}
