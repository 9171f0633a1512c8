/** S: bench/spawn.c, compiled when it is first needed. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { QrewError } from "../../protocol/errors.ts";
import { runCommand } from "../commands.ts";
import type { Contender } from "../compare.ts";
import type { Bench } from "../scenario.ts";

const SOURCE = fileURLToPath(new URL("../spawn.c", import.meta.url));
const PROGRAM = fileURLToPath(new URL("../../dist/bench/spawn", import.meta.url));
const FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror"];
const COMPILE_MS_MAX = 60_000;

const reportSchema = v.object({
  seconds: v.number(),
  failed: v.literal(0),
  micros: v.optional(v.array(v.number())),
});

/** Throws `refused` without a C compiler: there is nothing to compare with then. */
export function spawnProgram(): string {
  if (existsSync(PROGRAM) && statSync(PROGRAM).mtimeMs > statSync(SOURCE).mtimeMs) return PROGRAM;
  mkdirSync(path.dirname(PROGRAM), { recursive: true });
  const output = `${PROGRAM}.${process.pid}`;
  const compiler = process.env["CC"]?.trim() || "cc";
  const done = spawnSync(compiler, [...FLAGS, "-o", output, SOURCE], {
    encoding: "utf8",
    timeout: COMPILE_MS_MAX,
  });
  if (done.status !== 0) {
    const reason = done.error?.message ?? done.stderr;
    throw new QrewError("refused", `${SOURCE} cannot be compiled; install a C compiler: ${reason}`);
  }
  renameSync(output, PROGRAM);
  return PROGRAM;
}

export interface SpawnOptions {
  readonly parallel: number;
  /** The folder for a file per process. */
  readonly output?: string;
  /** The microseconds of each are told. */
  readonly each?: boolean;
}

export interface SpawnRun {
  readonly seconds: number;
  readonly micros: readonly number[];
}

/** What to spawn: one command so many times, or a file with a command per line. */
export type SpawnWork =
  | { readonly command: readonly string[]; readonly count: number }
  | { readonly list: string };

export async function runSpawn(
  bench: Bench,
  cwd: string,
  work: SpawnWork,
  options: SpawnOptions,
): Promise<SpawnRun> {
  const { stdout } = await runCommand(
    [
      spawnProgram(),
      ...["--parallel", String(options.parallel)],
      ...(options.output === undefined ? [] : ["--output", options.output]),
      ...(options.each === true ? ["--each"] : []),
      ...("list" in work ? ["--list", work.list] : ["--count", String(work.count), "--", ...work.command]),
    ],
    { cwd, signal: bench.signal },
  );
  const { seconds, micros = [] } = v.parse(reportSchema, JSON.parse(stdout));
  return { seconds, micros };
}

/** Many times S side by side, each of which has one process at a time: whoever waits wakes where its process has ended. */
export const spawnLimitEach = (bench: Bench, command: readonly string[], tasks: number): Contender => ({
  name: "S for each cpu",
  records: "nothing: posix_spawn and wait, no files",
  tasks,
  run: async (count) => {
    const work = { command, count: Math.ceil(count / bench.parallel) };
    const runs = Array.from({ length: bench.parallel }, () =>
      runSpawn(bench, bench.folder, work, { parallel: 1 }),
    );
    return Math.max(...(await Promise.all(runs)).map(({ seconds }) => seconds));
  },
});

/** One process that starts all of them. */
export const spawnLimit = (bench: Bench, command: readonly string[], tasks: number): Contender => ({
  name: "S",
  records: "nothing: posix_spawn and wait, no files",
  tasks,
  run: async (count) =>
    (await runSpawn(bench, bench.folder, { command, count }, { parallel: bench.parallel })).seconds,
});
