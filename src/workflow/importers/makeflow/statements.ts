/** The statements of a Makeflow file, as written: nothing is expanded yet. */

/** A piece of the file: text with its quotes and escapes, without comment, and where it begins. */
export interface Raw {
  readonly text: string;
  readonly offset: number;
}

export interface Assignment {
  readonly type: "assignment";
  readonly offset: number;
  readonly name: string;
  readonly operator: "=" | "+=";
  readonly value: Raw;
}

export interface RuleStatement {
  readonly type: "rule";
  readonly offset: number;
  readonly outputs: Raw;
  readonly inputs: Raw;
  /** Of this rule alone. */
  readonly assignments: readonly Assignment[];
  readonly command: Raw;
}

export type Statement =
  | Assignment
  | RuleStatement
  /** These names go into the environment of all commands. */
  | { readonly type: "export"; readonly names: readonly string[] }
  /** `.MAKEFLOW CATEGORY name` and the like. */
  | { readonly type: "directive"; readonly offset: number; readonly words: readonly Raw[] };
