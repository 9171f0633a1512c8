/** What the tests of workflow documents share. */
import type { Resources } from "../../../protocol/resources.ts";
import type { ColumnPlan } from "../../../src/workflow/columnPlan.ts";
import { type Compiled, compileWorkflow } from "../../../src/workflow/compile.ts";

export const node: Resources = {
  cpusMilli: 16_000,
  memoryBytes: 8 * 1024 ** 3,
  gpusMilli: 0,
  named: { licence: 2000 },
};

export const compileText = (text: string, source = "w.yaml", capacity: Resources | null = null): Compiled =>
  compileWorkflow(Buffer.from(text), source, { capacity });

/** Fails with the faults if there are any. */
export function planOf(document: unknown): ColumnPlan {
  const text = typeof document === "string" ? document : JSON.stringify(document);
  const compiled = compileText(text, typeof document === "string" ? "w.yaml" : "w.json");
  if (compiled.type === "plan") return compiled.plan;
  throw new Error(compiled.faults.map(({ message }) => message).join("\n"));
}

/** `line:column message` of each fault. */
export function faultsOf(
  text: string,
  source = "w.yaml",
  capacity: Resources | null = null,
): readonly string[] {
  const compiled = compileText(text, source, capacity);
  if (compiled.type === "plan") return [];
  return compiled.faults.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

/** A document of one task that is right but for the line under test. */
export const task = (line: string): string => `- name: a\n  command: x\n  ${line}\n`;
