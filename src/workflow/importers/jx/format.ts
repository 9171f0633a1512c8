/** `format("%d of %s", 3, "x")`, and `template("{a} of {b}")`. */
import { named } from "./operators.ts";
import { type JxValue, shortest, shownIn, withExponent } from "./value.ts";

/** The text, or a sentence that says what is wrong. */
export type Filled = { readonly text: string } | { readonly wrong: string };

const SPECIFIER = /%([\s\S]?)/g;

/** As JX does it: without widths, `%d` and `%i` for whole numbers, `%f %e %g` for others, `%s` for texts. */
export function formatted(pattern: string, values: readonly JxValue[]): Filled {
  let used = 0;
  let wrong: string | null = null;
  const text = pattern.replaceAll(SPECIFIER, (whole, specifier: string) => {
    if (specifier === "%") return "%";
    const value = values[used];
    used += 1;
    const filled = value === undefined ? null : filledIn(specifier, value);
    if (filled === null) wrong ??= mismatch(whole, value);
    return filled ?? "";
  });
  if (wrong !== null) return { wrong };
  return used < values.length
    ? { wrong: `format has ${values.length} values for ${used} places: leave out what is too many.` }
    : { text };
}

function filledIn(specifier: string, value: JxValue): string | null {
  if (specifier === "s") return value.type === "string" ? value.value : null;
  if (specifier === "d" || specifier === "i") return value.type === "integer" ? String(value.value) : null;
  if (value.type !== "double") return null;
  switch (specifier) {
    case "f":
    case "F":
      return value.value.toFixed(6);
    case "e":
    case "E": {
      const [mantissa = "", exponent = "0"] = value.value.toExponential(6).split("e");
      return cased(withExponent(mantissa, Number(exponent)), specifier);
    }
    case "g":
    case "G":
      return cased(shortest(value.value, 6), specifier);
    default:
      return null;
  }
}

const cased = (text: string, specifier: string): string =>
  specifier === specifier.toUpperCase() ? text.toUpperCase() : text;

function mismatch(specifier: string, value: JxValue | undefined): string {
  if (value === undefined)
    return `format has no value for ${specifier}: add one, or write %% for a percent sign.`;
  const hint = "%s takes a text, %d a whole number, %f, %e and %g another; join numbers to texts with +";
  return `format cannot put ${named(value)} in for ${specifier}: ${hint}.`;
}

const BRACES = /\{\{|\}\}|\{([^{}]*)\}?|\}/g;
const NAME = /^\s*([A-Za-z_]\w*)\s*$/;

/** `{{` and `}}` stand for braces. `valueOf` gives null for what is not defined. */
export function filledTemplate(pattern: string, valueOf: (name: string) => JxValue | null): Filled {
  let wrong: string | null = null;
  const text = pattern.replaceAll(BRACES, (whole, inner: string | undefined) => {
    if (whole === "{{" || whole === "}}") return whole[0] ?? "";
    const name = whole.endsWith("}") && whole.startsWith("{") ? NAME.exec(inner ?? "")?.[1] : undefined;
    if (name === undefined) {
      wrong ??= `template has ${JSON.stringify(whole)}, which is no {NAME}: write {{ and }} for braces.`;
      return "";
    }
    const value = valueOf(name);
    const shown = value === null || value.type === "boolean" ? null : shownIn(value);
    if (shown === null && value?.type !== "wrong") {
      const found = value === null ? "is not defined" : `is ${named(value)}: it takes texts and numbers`;
      wrong ??= `{${name}} of this template ${found}.`;
    }
    return shown ?? "";
  });
  return wrong === null ? { text } : { wrong };
}
