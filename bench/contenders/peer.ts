/** Other tools that run commands: measured where they are installed, named as absent where not. */
import { accessSync, constants, mkdtempSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../commands.ts";
import type { Contender } from "../compare.ts";
import type { Absence, Bench } from "../scenario.ts";

/** Where bench/peers/install puts what is no package of the system. */
export const PEERS_FOLDER = fileURLToPath(new URL("../../dist/bench/peers", import.meta.url));
export const PYTHON = path.join(PEERS_FOLDER, "venv/bin/python");

export interface Peer {
  readonly name: string;
  readonly records: string;
  /** Executables that it needs: names on the PATH, or absolute paths. */
  readonly needs: readonly string[];
  /** Prints its version, in one of the first lines. */
  readonly version: readonly string[];
  /** The share of the tasks that it gets, so that a round does not take minutes. */
  readonly share: number;
  /** Seconds for so many independent executions of the command; files go into `folder`, which is empty. */
  readonly run: (bench: Bench, folder: string, command: readonly string[], count: number) => Promise<number>;
}

export const scriptOf = (name: string): string => fileURLToPath(new URL(`../peers/${name}`, import.meta.url));

/** The peers that are there, as contenders, and those that are not. */
export function contendersOf(
  bench: Bench,
  peers: readonly Peer[],
  command: readonly string[],
  tasks: number,
): { readonly contenders: readonly Contender[]; readonly absent: readonly Absence[] } {
  if (!bench.peers) return { contenders: [], absent: [] };
  const missing = (peer: Peer): readonly string[] => peer.needs.filter((need) => !isThere(need));
  return {
    contenders: peers
      .filter((peer) => missing(peer).length === 0)
      .map(({ name, records, share, run }) => ({
        name,
        records,
        tasks: Math.ceil(tasks * share),
        run: (count) => run(bench, mkdtempSync(path.join(bench.folder, "p")), command, count),
      })),
    absent: peers
      .filter((peer) => missing(peer).length > 0)
      .map((peer) => ({
        contender: peer.name,
        reason: `not installed: ${missing(peer)
          .map((need) => path.basename(need))
          .join(", ")} (bench/peers/install)`,
      })),
  };
}

/** Of those that are installed. */
export async function versionsOf(
  peers: readonly Peer[],
  { folder, signal }: Pick<Bench, "folder" | "signal">,
): Promise<Readonly<Record<string, string>>> {
  const versions: Record<string, string> = {};
  for (const { name, needs, version } of peers) {
    if (!needs.every(isThere)) continue;
    const { stdout } = await runCommand(version, { cwd: "/", signal, env: { TMPDIR: folder } });
    versions[name] = /^.*\d+(\.\d+|\d{3}).*$/m.exec(stdout)?.[0].trim() ?? stdout.trim();
  }
  return versions;
}

function isThere(executable: string): boolean {
  const folders = (process.env["PATH"] ?? "").split(":");
  const files = path.isAbsolute(executable)
    ? [executable]
    : folders.map((folder) => path.join(folder, executable));
  return files.some((file) => {
    try {
      accessSync(file, constants.F_OK);
      return true;
    } catch {
      return false;
    }
  });
}
