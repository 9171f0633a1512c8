/** What the readers of JSON and YAML share. */
import type { Locate } from "./fault.ts";

export interface ReadDocument {
  /** Undefined after faults that leave nothing to check. */
  readonly value: unknown;
  readonly locate: Locate;
}

/** Objects and lists in each other. A workflow needs seven; recursion this deep is safe on any stack. */
export const NESTING_MAX = 64;

export const tooDeep = `More than ${NESTING_MAX} objects and lists are nested here: flatten them.`;
