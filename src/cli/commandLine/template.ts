/**
 * The placeholders of a command, in the manner of GNU parallel: `{}` is the argument, `{.}` the same without its ending,
 * `{/}` its last part, `{//}` its folder, `{/.}` its last part without ending, `{#}` the number of the task. `{2}`, `{2.}`
 * and so on take the argument of the second list.
 */
import { shellWord } from "../shellWord.ts";

type Part = "whole" | "stem" | "base" | "folder" | "baseStem";

export type Piece =
  | { readonly type: "text"; readonly text: string }
  /** `list` is from 0; null means the arguments of all lists, with spaces between. */
  | { readonly type: "argument"; readonly list: number | null; readonly part: Part }
  | { readonly type: "number" };

export type Template = readonly Piece[];

const PLACEHOLDER = /\{(?:(#)|([1-9]\d?)?(\.|\/\/|\/\.|\/)?)\}/g;

const PARTS: ReadonlyMap<string, Part> = new Map([
  ["", "whole"],
  [".", "stem"],
  ["/", "base"],
  ["//", "folder"],
  ["/.", "baseStem"],
]);

/** A number beyond the `lists` that there are is no placeholder: `{4}` may belong to a regular expression. */
export function parseTemplate(text: string, lists: number): Template {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(PLACEHOLDER)) {
    const [whole, sign, number, mark = ""] = match;
    if (number !== undefined && Number(number) > lists) continue;
    if (match.index > end) pieces.push({ type: "text", text: text.slice(end, match.index) });
    end = match.index + whole.length;
    if (sign !== undefined) pieces.push({ type: "number" });
    else {
      const list = number === undefined ? (lists === 1 ? 0 : null) : Number(number) - 1;
      pieces.push({ type: "argument", list, part: PARTS.get(mark) ?? "whole" });
    }
  }
  if (end < text.length) pieces.push({ type: "text", text: text.slice(end) });
  return pieces;
}

export const hasPlaceholder = (template: Template): boolean => template.some(({ type }) => type !== "text");

/** One task: its number, from 1, and an argument of each list. */
export interface Inputs {
  readonly number: number;
  readonly values: readonly string[];
}

/** The texts that a placeholder stands for: one, or one for each list. */
function textsOf(piece: Piece, { number, values }: Inputs): readonly string[] {
  if (piece.type === "text") return [piece.text];
  if (piece.type === "number") return [String(number)];
  const meant = piece.list === null ? values : [values[piece.list] ?? ""];
  return meant.map((value) => partOf(value, piece.part));
}

function partOf(value: string, part: Part): string {
  switch (part) {
    case "whole":
      return value;
    case "stem":
      return withoutEnding(value);
    case "base":
      return lastPart(value);
    case "folder":
      return folderOf(value);
    case "baseStem":
      return withoutEnding(lastPart(value));
  }
}

const withoutEnding = (text: string): string => text.replace(/\.[^/.]*$/, "");
const lastPart = (text: string): string => text.slice(text.lastIndexOf("/") + 1);

function folderOf(text: string): string {
  const bare = text.replace(/(?<=[^/])\/+$/, "");
  const slash = bare.lastIndexOf("/");
  if (slash === -1) return ".";
  return bare.slice(0, slash).replace(/\/+$/, "") || "/";
}

/** A word of a command that is executed without a shell; a word that is nothing but `{}` becomes one for each list. */
export function fillWord(template: Template, inputs: Inputs): readonly string[] {
  const [only, second] = template;
  if (only !== undefined && second === undefined) return textsOf(only, inputs);
  return [template.map((piece) => textsOf(piece, inputs).join(" ")).join("")];
}

/** Text for a shell: what is put in is quoted where a shell needs it, everything else stays. */
export function fillShellText(template: Template, inputs: Inputs): string {
  return template
    .map((piece) => (piece.type === "text" ? piece.text : textsOf(piece, inputs).map(shellWord).join(" ")))
    .join("");
}
