// Compiles src/workflow/replay/replay.c into dist/src/workflow/replay/replay, with $CC or cc, unless the program is newer than
// its source. Without a compiler the script beside it serves; a compiler that fails is an error.
import { spawnSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra"];
// As for the forkserver: a warning of a newer compiler must not keep a newcomer from building.
if (process.env.CI !== undefined) FLAGS.push("-Werror");
const COMPILE_TIMEOUT_MS = 120_000;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, "src", "workflow", "replay", "replay.c");
const target = join(root, "dist", "src", "workflow", "replay", "replay");

function modifiedAt(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

// Written beside the target and renamed, so that a build at the same time, or a running program, does no harm.
function compile(compiler) {
  mkdirSync(dirname(target), { recursive: true });
  const output = `${target}.${process.pid}`;
  const [command, ...words] = compiler.split(/\s+/);
  const done = spawnSync(command, [...words, ...FLAGS, "-o", output, source], {
    encoding: "utf8",
    timeout: COMPILE_TIMEOUT_MS,
  });
  if (done.error?.code === "ENOENT") {
    console.log(
      `no C compiler (${command}): recorded tasks will be replayed by a script, which needs 40 ms to start`,
    );
    return 0;
  }
  if (done.status !== 0) {
    rmSync(output, { force: true });
    console.error(done.stderr || done.stdout || String(done.error ?? `${command} ended by ${done.signal}`));
    console.error(`${command} could not compile the replay program; set CC to a working compiler`);
    return 1;
  }
  renameSync(output, target);
  console.log(`compiled ${relative(root, target)}`);
  return 0;
}

const isCurrent =
  modifiedAt(target) > Math.max(modifiedAt(source), modifiedAt(fileURLToPath(import.meta.url)));
process.exitCode = isCurrent ? 0 : compile(process.env.CC?.trim() || "cc");
