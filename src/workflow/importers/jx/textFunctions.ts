/** The functions of JX that make texts of texts. */
import { filledTemplate, formatted } from "./format.ts";
import type { Computing, Scope } from "./scope.ts";
import type { JxFunction } from "./signature.ts";
import { boolean, type JxValue, text } from "./value.ts";

const SHELL_SPECIAL = /["\\$`]/g;

export function format([pattern, ...values]: readonly JxValue[], at: number): JxValue | string {
  if (pattern?.type !== "string") return 'format takes a text first, as in format("out.%d", 1).';
  const filled = formatted(pattern.value, values);
  return "text" in filled ? text(filled.text, at) : filled.wrong;
}

export function template(
  [pattern, own]: readonly JxValue[],
  at: number,
  computing: Computing,
  scope: Scope | null,
): JxValue | string {
  if (pattern?.type !== "string") return 'template takes a text first, as in template("out.{x}").';
  if (own !== undefined && own.type !== "object") return 'template takes an object second, as in {"x": 1}.';
  const filled = filledTemplate(
    pattern.value,
    (name) => own?.entries.get(name) ?? computing.lookUp(name, scope),
  );
  return "text" in filled ? text(filled.text, at) : filled.wrong;
}

export function ofText(name: string, change: (value: string) => string): JxFunction {
  return ([value], at) =>
    value?.type === "string" ? text(change(value.value), at) : `${name} takes a text.`;
}

export function basename([file, ending]: readonly JxValue[], at: number): JxValue | string {
  if (file?.type !== "string" || (ending !== undefined && ending.type !== "string"))
    return 'basename takes a text, and an ending that is cut off: basename("a/b.txt", ".txt").';
  const trimmed = file.value.replace(/\/+$/, "");
  const base = trimmed === "" ? (file.value === "" ? "." : "/") : trimmed.slice(trimmed.lastIndexOf("/") + 1);
  const cut =
    ending !== undefined && base.endsWith(ending.value)
      ? base.slice(0, base.length - ending.value.length)
      : base;
  return text(cut, at);
}

export function dirname(file: string): string {
  const slash = file.replace(/\/+$/, "").lastIndexOf("/");
  if (slash < 0) return file.startsWith("/") ? "/" : ".";
  return file.slice(0, slash).replace(/\/+$/, "") || "/";
}

export function like([pattern, value]: readonly JxValue[], at: number): JxValue | string {
  if (pattern?.type !== "string" || value?.type !== "string")
    return "like takes a regular expression and a text.";
  try {
    return boolean(new RegExp(pattern.value, "s").test(value.value), at);
  } catch {
    return boolean(false, at);
  }
}

/** A word of the shell, in double quotes. */
export const escape = (value: string): string => `"${value.replaceAll(SHELL_SPECIAL, "\\$&")}"`;
