/** What the operators of JX give. Types are not mixed, but for whole and other numbers, and texts with what can be put in one. */
import { assertNever } from "../../../../protocol/errors.ts";
import type { BinaryOperator, UnaryOperator } from "./syntax.ts";
import { boolean, integer, isEqual, type JxValue, shownIn, text } from "./value.ts";

/** The value, or a sentence that says what is wrong. */
export type Applied = JxValue | string;

export function applyUnary(operator: UnaryOperator, operand: JxValue, at: number): Applied {
  const { type } = operand;
  if (operator === "not")
    return type === "boolean"
      ? boolean(!operand.value, at)
      : `not takes true or false, found ${named(operand)}.`;
  if (operator === "+" && type === "string") return operand;
  if (type !== "integer" && type !== "double") return `${operator} takes a number, found ${named(operand)}.`;
  return operator === "+" ? operand : { type, value: -operand.value, at };
}

export function applyBinary(operator: BinaryOperator, left: JxValue, right: JxValue, at: number): Applied {
  if (left.type === "integer" && right.type === "integer")
    return ofIntegers(operator, left.value, right.value, at);
  if (isNumber(left) && isNumber(right)) return ofDoubles(operator, left.value, right.value, at);
  if (operator === "==" || operator === "!=") {
    if (left.type === "object" && right.type === "object")
      return "Objects cannot be compared: compare what is in them.";
    return boolean(isEqual(left, right) === (operator === "=="), at);
  }
  if (operator === "+" && (left.type === "string" || right.type === "string")) {
    const [a, b] = [shownIn(left), shownIn(right)];
    if (a !== null && b !== null) return text(a + b, at);
    return `A text and ${named(a === null ? left : right)} cannot be joined: put in what is in it, or use join(…).`;
  }
  if (operator === "+" && left.type === "array" && right.type === "array")
    return { type: "array", items: [...left.items, ...right.items], at };
  if (left.type === "string" && right.type === "string") {
    const compared = ofOrder(operator, left.value, right.value);
    if (compared !== null) return boolean(compared, at);
  }
  if ((operator === "and" || operator === "or") && left.type === "boolean" && right.type === "boolean")
    return boolean(operator === "and" ? left.value && right.value : left.value || right.value, at);
  return `${operator} does not go with ${named(left)} and ${named(right)}.`;
}

function ofIntegers(operator: BinaryOperator, a: number, b: number, at: number): Applied {
  const compared = ofOrder(operator, a, b);
  if (compared !== null) return boolean(compared, at);
  if (b === 0 && (operator === "/" || operator === "%")) return "This divides by zero.";
  const value = calculated(operator, a, b);
  if (value === null) return `${operator} takes true or false, found numbers.`;
  if (Number.isSafeInteger(Math.trunc(value))) return integer(Math.trunc(value) + 0, at);
  return `The result is beyond ${Number.MAX_SAFE_INTEGER}: write 1.0 in place of 1 to calculate with fractions.`;
}

function ofDoubles(operator: BinaryOperator, a: number, b: number, at: number): Applied {
  const compared = ofOrder(operator, a, b);
  if (compared !== null) return boolean(compared, at);
  if (b === 0 && (operator === "/" || operator === "%")) return "This divides by zero.";
  // The rest of a division is one of whole numbers, also here.
  if (operator === "%" && Math.trunc(b) === 0) return "This divides by zero, as % takes whole numbers.";
  const value = operator === "%" ? Math.trunc(a) % Math.trunc(b) : calculated(operator, a, b);
  return value === null ? `${operator} takes true or false, found numbers.` : { type: "double", value, at };
}

function calculated(operator: BinaryOperator, a: number, b: number): number | null {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "%":
      return a % b;
    default:
      return null;
  }
}

/** Null for operators that do not compare. */
function ofOrder<Ordered extends number | string>(
  operator: BinaryOperator,
  a: Ordered,
  b: Ordered,
): boolean | null {
  switch (operator) {
    case "==":
      return a === b;
    case "!=":
      return a !== b;
    case "<":
      return a < b;
    case "<=":
      return a <= b;
    case ">":
      return a > b;
    case ">=":
      return a >= b;
    default:
      return null;
  }
}

const isNumber = (value: JxValue): value is JxValue & { readonly type: "integer" | "double" } =>
  value.type === "integer" || value.type === "double";

export function named(value: JxValue): string {
  switch (value.type) {
    case "null":
    case "wrong":
      return "null";
    case "boolean":
      return String(value.value);
    case "integer":
    case "double":
      return `the number ${shownIn(value) ?? ""}`;
    case "string":
      return "a text";
    case "array":
      return "a list";
    case "object":
      return "an object";
    default:
      return assertNever(value);
  }
}
