/** One entry of a document as it is checked, before it becomes a row of the table of definitions. */
import type { Foreach } from "./foreach.ts";

/** One entry of the document: a task, or a task array. */
export interface Definition {
  /** Empty where the document's is unusable; a fault says so. */
  readonly name: string;
  readonly depends: readonly Dependency[];
  /** `WHEN_…` of plan.ts. */
  readonly when: number;
  readonly foreach: Foreach | null;
  /** Empty text for kind noop. */
  readonly command: string | readonly string[];
  readonly classIndex: number;
  /** Index into `params`. */
  readonly paramsIndex: number;
}

/** The name of a definition to wait for, all of it or the element of the same index. An empty name is a fault told already. */
export type Dependency = string | { readonly same: string };

export const dependencyName = (dependency: Dependency): string =>
  typeof dependency === "string" ? dependency : dependency.same;

export const elementCount = (definition: Definition): number => definition.foreach?.count ?? 1;
