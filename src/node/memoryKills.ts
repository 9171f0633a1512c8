/**
 * Whether the kernel has killed for want of memory in our control group (version 2): it counts that, before the death of the
 * process can be seen. Where the count cannot be read nobody knows.
 */
import path from "node:path";
import { ownCgroupFolders, readSystemFile } from "./cgroups.ts";

/** The text of memory.events: `oom_kill N` among other lines; null where it has none. */
export function parseMemoryKills(text: string): number | null {
  const match = /^oom_kill (\d+)$/m.exec(text);
  return match === null ? null : Number(match[1]);
}

function readMemoryKills(): number | null {
  const [own] = ownCgroupFolders("memory").v2;
  const text = own === undefined ? null : readSystemFile(path.join(own, "memory.events"));
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
