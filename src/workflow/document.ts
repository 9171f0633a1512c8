/** A checked workflow document: what `checkDocument` makes and `planDocument` turns into columns. */
import type { DefinitionTable } from "./definitionTable.ts";
import type { Path } from "./fault.ts";
import type { TaskClass } from "./plan.ts";
import type { TextColumn } from "./textColumn.ts";

export interface WorkflowDocument {
  readonly name: string | null;
  /** Of every task, under its own. No placeholders. */
  readonly env: Readonly<Record<string, string>>;
  /** Under the params of every task. */
  readonly defaultParams: TaskParams;
  readonly definitions: DefinitionTable;
  /** Where the list of tasks stands in the document, for faults found later. */
  readonly tasksPath: Path;
  readonly classes: readonly TaskClass[];
  /** Class of each element, for definitions whose elements differ. */
  readonly elementClasses: ReadonlyMap<number, Uint32Array>;
  /** Different params, as JSON text of a TaskParams. */
  readonly params: TextColumn;
  readonly maxRunning: number | null;
  readonly failFast: boolean;
}

/** What the params of a task may set, placeholders unfilled; null where it sets nothing. */
export interface TaskParams {
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string | null;
  readonly workdir: string | null;
  /** Files that the streams go to. */
  readonly stdout: string | null;
  readonly stderr: string | null;
  /** Paths and patterns that have to be there in the end. */
  readonly outputs: readonly string[] | null;
}
