/** Reading one field that is an amount. */
import type { FaultList } from "./fault.ts";
import type { Field } from "./field.ts";
import type { Filling } from "./placeholder.ts";
import type { Quantity } from "./quantity.ts";
import { quoted } from "./scalar.ts";

const noAdvice = (): string => "";

/** The amount in the field; `fallback` if there is no field, or if it is wrong, which is then blamed, with `advice` behind. */
export function readSetting<Fallback>(
  what: string,
  field: Field | null | undefined,
  filling: Filling | null,
  fallback: Fallback,
  faults: FaultList,
  read: (value: unknown) => Quantity,
  advice: () => string = noAdvice,
): number | Fallback {
  if (field === null || field === undefined) return fallback;
  const value = field.filled(filling);
  const quantity = read(value);
  if (quantity.ok) return quantity.amount;
  field.blame(
    faults,
    () => `${what} must be ${quantity.expected}${filledBy(value, field, filling)}.${advice()}`,
  );
  return fallback;
}

/** Tells the element whose value is wrong, if the field has a placeholder. */
function filledBy(value: unknown, field: Field, filling: Filling | null): string {
  return filling === null || value === field.value
    ? ""
    : ` where ${filling.map(({ axis, value: text }) => `${axis} is ${quoted(text)}`).join(" and ")}`;
}
