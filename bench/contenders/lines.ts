/** Tools that run a command for each line they read, and make. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { runCommand } from "../commands.ts";
import type { Bench } from "../scenario.ts";
import type { Peer } from "./peer.ts";

const lines = (count: number): string => Array.from({ length: count }, (_, index) => `${index}\n`).join("");

const overLines =
  (tool: (parallel: number) => readonly string[]): Peer["run"] =>
  async (bench, folder, command, count) =>
    (
      await runCommand([...tool(bench.parallel), ...command], {
        cwd: folder,
        signal: bench.signal,
        input: lines(count),
      })
    ).seconds;

export const make: Peer = {
  name: "make -j",
  records: "nothing",
  needs: ["make"],
  version: ["make", "--version"],
  share: 1,
  run: async (bench, folder, command, count) => {
    // All phony: no file is looked for, and the recipe is simple enough for make to need no shell.
    const targets = Array.from({ length: count }, (_, index) => `t${index}`).join(" ");
    const file = path.join(folder, "Makefile");
    writeFileSync(file, `.PHONY: all ${targets}\nall: ${targets}\n${targets}:\n\t@${command.join(" ")}\n`);
    return runMake(bench, folder, file);
  },
};

const runMake = async (bench: Bench, cwd: string, file: string): Promise<number> =>
  (await runCommand(["make", "-r", "-j", String(bench.parallel), "-f", file], { cwd, signal: bench.signal }))
    .seconds;

export const xargs: Peer = {
  name: "xargs -n1 -P",
  records: "nothing",
  needs: ["xargs"],
  version: ["xargs", "--version"],
  share: 1,
  run: overLines((parallel) => ["xargs", "-n", "1", "-P", String(parallel)]),
};

export const gnuParallel: Peer = {
  name: "GNU parallel",
  records: "output until it is printed, in order of the ends; through a shell",
  needs: ["parallel"],
  version: ["parallel", "--version"],
  share: 0.1,
  run: overLines((parallel) => ["parallel", "--will-cite", "-j", String(parallel)]),
};
