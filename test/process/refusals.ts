/** What every refusal has in common, and the proof that it broke nothing. */
import { expect } from "vitest";
import { daemonProcesses, runJob } from "../support/jobs.ts";
import type { CommandOptions, CommandResult, QrewFolder } from "../support/qrew.ts";

/** One sentence that says what to do next, no stack, nothing on stdout, and the exit code. Returns the first line. */
export function expectRefusal(result: CommandResult, code: number): string {
  expect(result).toMatchObject({ code, stdout: "" });
  const [first = "", ...rest] = result.stderr.trimEnd().split("\n");
  expect(first).toMatch(/^qrew: .*\.$/);
  expect(first.length).toBeLessThan(500);
  // Faults of a document follow, indented; a stack trace is no part of it.
  for (const line of rest) expect(line).toMatch(/^ {2}\S+: /);
  expect(result.stderr).not.toMatch(/^\s+at /m);
  return first;
}

export async function managerPid(qrew: QrewFolder, options?: CommandOptions): Promise<number> {
  const processes = await daemonProcesses(qrew, options);
  return processes.find(({ role }) => role === "manager")?.pid ?? 0;
}

/** A good job runs, under the same manager as before. */
export async function expectUnbroken(
  qrew: QrewFolder,
  pidBefore: number,
  options?: CommandOptions,
): Promise<void> {
  const { code } = await runJob(qrew, [{ name: "good", command: "echo good" }], [], options);
  expect(code).toBe(0);
  expect(await managerPid(qrew, options)).toBe(pidBefore);
}
