/** A control group with little memory, of version 2 or 1, for commands that are to meet the kernel's limit. */
import { mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ownCgroupFolders } from "../../src/node/cgroups.ts";

export interface MemoryGroup {
  /** In front of a command: it, and all that it starts, is in the group. */
  readonly through: readonly string[];
  /** False while a process of the group is left. */
  readonly remove: () => boolean;
}

/** Null where this account may make none: no tree with the memory controller is mounted, or it must not be written. */
export function makeMemoryGroup(bytes: number): MemoryGroup | null {
  const { v1, v2 } = ownCgroupFolders("memory");
  const [own] = v1;
  // In version 2 a group with processes has no limited ones below it, unless it is the root: the nearest above that can is taken.
  return (
    firstGroup(v2, { "memory.max": bytes }, "memory.swap.max") ??
    firstGroup(own === undefined ? [] : [own], { "memory.limit_in_bytes": bytes }, "memory.swappiness")
  );
}

function firstGroup(
  parents: readonly string[],
  limits: Readonly<Record<string, number>>,
  swap: string,
): MemoryGroup | null {
  for (const parent of parents) {
    const group = path.join(parent, `qrew-test-${process.pid}`);
    const remove = (): boolean => isRemoved(group);
    try {
      mkdirSync(group);
    } catch {
      continue;
    }
    try {
      for (const [file, value] of Object.entries(limits))
        writeFileSync(path.join(group, file), String(value));
      writeIfThere(path.join(group, swap), "0");
      return { through: ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', group], remove };
    } catch {
      remove();
    }
  }
  return null;
}

/** A kernel without swap accounting has no such file. */
function writeIfThere(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: "r+" });
  } catch {
    // Then the limit holds for memory alone.
  }
}

function isRemoved(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch {
    return false;
  }
}
