/** What the tests of importers share. */
import type { Resources } from "../../../../protocol/resources.ts";
import { compileWorkflow } from "../../../../src/workflow/compile.ts";
import {
  type ImportContext,
  type JobFiles,
  usualImport,
} from "../../../../src/workflow/importers/importing.ts";
import type { ResolvedTask } from "../../../../src/workflow/plan.ts";

/** Files by their paths. */
export const filesOf = (files: Readonly<Record<string, string>>): JobFiles => ({
  exists: (name) => Object.hasOwn(files, name),
  list: (name) => {
    const names = Object.keys(files).filter((file) => file.startsWith(`${name}/`));
    return names.length === 0 ? null : names.map((file) => file.slice(name.length + 1)).toSorted();
  },
  read: (name) => {
    const text = files[name];
    return text === undefined ? null : Buffer.from(text);
  },
});

export const contextOf = (more: Partial<ImportContext> = {}): ImportContext => ({
  ...usualImport,
  environment: { HOME: "/h" },
  files: null,
  replayCommand: ["/replay"],
  ...more,
});

export interface ImportedView extends ResolvedTask {
  readonly depends: readonly string[];
  readonly cpusMilli: number;
  readonly memoryBytes: number;
  readonly gpusMilli: number;
  readonly timeoutMs: number | null;
}

/** The tasks by name as they would run. Fails with the faults if there are any. */
export function tasksOf(
  text: string,
  source: string,
  more: Partial<ImportContext> = {},
): ReadonlyMap<string, ImportedView> {
  const compiled = compileWorkflow(Buffer.from(text), source, { capacity: null, imports: contextOf(more) });
  if (compiled.type === "invalid") throw new Error(compiled.faults.map(({ message }) => message).join("\n"));
  const { graph } = compiled.plan;
  const depends: string[][] = Array.from({ length: graph.taskCount }, () => []);
  for (let task = 0; task < graph.taskCount; task += 1) {
    const edges = graph.dependents.subarray(graph.dependentOffsets[task], graph.dependentOffsets[task + 1]);
    for (const dependent of edges) depends[dependent]?.push(compiled.plan.taskName(task));
  }
  return new Map(
    depends.map((names, task) => {
      const resolved = compiled.plan.resolve(task);
      const taskClass = graph.classes[graph.definitionClass[task] ?? 0];
      if (taskClass === undefined) throw new Error("a class is missing");
      const { cpusMilli, memoryBytes, gpusMilli } = taskClass.resources;
      const { timeoutMs } = taskClass;
      return [resolved.name, { ...resolved, depends: names, cpusMilli, memoryBytes, gpusMilli, timeoutMs }];
    }),
  );
}

/** `line:column message` of each fault. */
export function faultsOf(
  text: string,
  source: string,
  more: Partial<ImportContext> = {},
  capacity: Resources | null = null,
): readonly string[] {
  const compiled = compileWorkflow(Buffer.from(text), source, { capacity, imports: contextOf(more) });
  if (compiled.type === "plan") return [];
  return compiled.faults.map(({ line, column, message }) => `${line}:${column} ${message}`);
}
