/**
 * Whether the kernel has killed for want of memory in our control group: it counts that, before the death of the process can be
 * seen. Where the count cannot be read nobody knows.
 */
import path from "node:path";
import { ownCgroupFolders, readSystemFile } from "./cgroups.ts";

/** The text of memory.events, or of version 1's memory.oom_control: `oom_kill N` among other lines; null where it has none. */
export function parseMemoryKills(text: string): number | null {
  const match = /^oom_kill (\d+)$/m.exec(text);
  return match === null ? null : Number(match[1]);
}

function readMemoryKills(): number | null {
  const { v1, v2 } = ownCgroupFolders("memory");
  return killsIn(v2[0], "memory.events") ?? killsIn(v1[0], "memory.oom_control");
}

function killsIn(group: string | undefined, file: string): number | null {
  const text = group === undefined ? null : readSystemFile(path.join(group, file));
  return text === null ? null : parseMemoryKills(text);
}

export class MemoryKills {
  readonly #read: () => number | null;
  /** Kills that are accounted for. */
  #known: number | null;

  constructor(read: () => number | null = readMemoryKills) {
    this.#read = read;
    this.#known = read();
  }

  /** Called for a process that was killed and that nobody of ours has killed: whether it was the kernel. One kill counts once. */
  take(): boolean {
    const now = this.#read();
    if (now === null || this.#known === null || now <= this.#known) {
      this.#known = now;
      return false;
    }
    this.#known += 1;
    return true;
  }
}
