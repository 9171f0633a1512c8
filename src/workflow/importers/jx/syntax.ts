/** The expressions of JX, as written. `at` is the offset in the text. */

export type Expression =
  | {
      readonly type: "literal";
      readonly value: string | number | boolean | null;
      readonly whole: boolean;
      readonly at: number;
    }
  | { readonly type: "symbol"; readonly name: string; readonly at: number }
  | { readonly type: "array"; readonly items: readonly Item[]; readonly at: number }
  | { readonly type: "object"; readonly pairs: readonly Pair[]; readonly at: number }
  | {
      readonly type: "unary";
      readonly operator: UnaryOperator;
      readonly operand: Expression;
      readonly at: number;
    }
  | {
      readonly type: "binary";
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
      /** Of the operator. */
      readonly at: number;
    }
  | { readonly type: "call"; readonly name: string; readonly args: readonly Item[]; readonly at: number }
  | { readonly type: "lookup"; readonly of: Expression; readonly index: Expression; readonly at: number }
  | {
      readonly type: "slice";
      readonly of: Expression;
      readonly from: Expression | null;
      readonly to: Expression | null;
      readonly at: number;
    };

/** An item of a list: `BODY for x in LIST if CONDITION for …`, or a body alone. */
export interface Item {
  readonly body: Expression;
  readonly loops: readonly Loop[];
}

export interface Loop {
  readonly variable: string;
  readonly list: Expression;
  readonly condition: Expression | null;
  readonly at: number;
}

export interface Pair {
  readonly key: Expression;
  readonly value: Expression;
}

export const UNARY_OPERATORS = ["+", "-", "not"] as const;
export type UnaryOperator = (typeof UNARY_OPERATORS)[number];

/** From those that bind least to those that bind most, as Makeflow has it: `or` binds more than `and`. */
export const BINARY_OPERATORS = [
  ["and"],
  ["or"],
  ["==", "!=", "<=", ">=", "<", ">"],
  ["+", "-"],
  ["*", "/", "%"],
] as const;
export type BinaryOperator = (typeof BINARY_OPERATORS)[number][number];
