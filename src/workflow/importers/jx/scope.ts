/** What an expression of JX is computed with. */
import type { Expression, Item } from "./syntax.ts";
import type { JxValue } from "./value.ts";

/** Variables of loops, and of the functions that go through lists of objects. */
export interface Scope {
  readonly values: ReadonlyMap<string, JxValue>;
  readonly outer: Scope | null;
}

/** What functions read; null where nothing is known of any file. */
export interface JxFiles {
  /** The names in a folder, in their order; null if there is none, or too many. */
  list(folder: string): readonly string[] | null;
  /** Null if it cannot be read. */
  read(path: string): Uint8Array | null;
}

/** The evaluator, as functions see it. */
export interface Computing {
  readonly files: JxFiles | null;
  evaluate(expression: Expression, scope: Scope | null): JxValue;
  items(items: readonly Item[], scope: Scope | null): readonly JxValue[];
  /** The value of a name; null if it has none. */
  lookUp(name: string, scope: Scope | null): JxValue | null;
  /** Tells a fault once; the value stands for what cannot be computed. */
  wrong(at: number, message: string): JxValue;
}

/** Of one list: more is beyond what a document may have. */
export const LIST_ITEMS_MAX = 1_000_000;
