/**
 * Placeholders: `{{i}}` stands for the value that the variable `i` has for an element of a task array. Doubled braces,
 * `{{{{i}}}}`, stand for the text `{{i}}`. Everything else with braces is left alone, so that `{{.Names}}` of docker or
 * `${{ github.ref }}` pass as they are.
 */
const PLACEHOLDER = /\{\{(\{\{\s*[A-Za-z_][A-Za-z0-9_]*\s*\}\})\}\}|\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g;

export const AXIS_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Cheap, and true for every text that `fill` would change. */
export const mayHavePlaceholders = (text: string): boolean => text.includes("{{");

/** Names of the placeholders in the text, each once, in their order. */
export function placeholdersOf(text: string): readonly string[] {
  if (!mayHavePlaceholders(text)) return [];
  const names = new Set<string>();
  for (const match of text.matchAll(PLACEHOLDER)) if (match[2] !== undefined) names.add(match[2]);
  return [...names];
}

/** The text that `fill` turns into this one: for texts of other tools, in which doubled braces mean nothing to qrew. */
export const escapePlaceholders = (text: string): string =>
  mayHavePlaceholders(text) ? text.replace(PLACEHOLDER, (whole) => `{{${whole}}}`) : text;

/** The values of the variables of an array, for one of its elements. */
export type Filling = readonly { readonly axis: string; readonly value: string }[];

/** The text with its placeholders filled. The value goes in as it is: nothing is quoted for a shell. */
export function fill(text: string, filling: Filling | null): string {
  if (!mayHavePlaceholders(text)) return text;
  return text.replace(PLACEHOLDER, (whole, escaped: string | undefined, name: string | undefined) => {
    if (escaped !== undefined) return escaped;
    return filling?.find(({ axis }) => axis === name)?.value ?? whole;
  });
}
