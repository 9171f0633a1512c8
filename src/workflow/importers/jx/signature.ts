/** What a function of JX is. */
import type { Computing, Scope } from "./scope.ts";
import type { JxValue } from "./value.ts";

/** The value, or a sentence that says what is wrong. `args` has no more than the function takes. */
export type JxFunction = (
  args: readonly JxValue[],
  at: number,
  computing: Computing,
  scope: Scope | null,
) => JxValue | string;
