/** A variable in a text: `$NAME`, `$(NAME)` or `${NAME}`. */

export type Reference =
  | { readonly type: "variable"; readonly name: string; readonly end: number }
  /** `$$` is a dollar sign, as in Make. */
  | { readonly type: "dollar"; readonly end: number }
  | { readonly type: "wrong"; readonly advice: string };

const NAME = /[A-Za-z0-9_]+/y;

export const VARIABLE_NAME = /^[A-Za-z0-9_]+$/;

/** What stands at the `$` of this offset. */
export function readReference(text: string, dollar: number): Reference {
  const opening = text[dollar + 1];
  if (opening === "$") return { type: "dollar", end: dollar + 2 };
  const closing = opening === "(" ? ")" : opening === "{" ? "}" : null;
  NAME.lastIndex = dollar + (closing === null ? 1 : 2);
  const name = NAME.exec(text)?.[0];
  if (name === undefined) {
    return { type: "wrong", advice: "no variable follows this $: for a $ of the shell write \\$" };
  }
  const end = NAME.lastIndex;
  if (closing === null) return { type: "variable", name, end };
  if (text[end] !== closing) {
    const advice = `$${opening}${name} needs its closing ${closing}: functions are not supported, and for the shell write \\$`;
    return { type: "wrong", advice };
  }
  return { type: "variable", name, end: end + 1 };
}
