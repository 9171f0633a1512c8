// Compiles executor/forkserver/*.c into dist/executor/forkserver/forkserver, with $CC or cc, unless the program is newer
// than its sources. Without a compiler the TypeScript twin serves; a compiler that fails is an error.
// `--sanitized` makes dist/test/forkserver-sanitized instead, which ends with a report at its first wrong access, overflow or leak.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const isSanitized = process.argv.includes("--sanitized");
const FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-pthread", "-Wall", "-Wextra"];
FLAGS.push(
  ...(isSanitized
    ? ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    : ["-O2"]),
);
// A newer compiler may warn of more, and that must not keep a newcomer from building; in CI, and in tests, a warning is an error.
if (isSanitized || process.env.CI !== undefined) FLAGS.push("-Werror");
const COMPILE_TIMEOUT_MS = 120_000;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, "executor", "forkserver");
const target = isSanitized
  ? join(root, "dist", "test", "forkserver-sanitized")
  : join(root, "dist", "executor", "forkserver", "forkserver");

function modifiedAt(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function isCurrent(sources) {
  const builtAt = modifiedAt(target);
  return builtAt > Math.max(...sources.map(modifiedAt), modifiedAt(fileURLToPath(import.meta.url)));
}

// Written beside the target and renamed, so that a build at the same time, or a running program, does no harm.
function compile(compiler, sources) {
  mkdirSync(dirname(target), { recursive: true });
  const output = `${target}.${process.pid}`;
  const inputs = sources.filter((source) => source.endsWith(".c"));
  const [command, ...words] = compiler.split(/\s+/);
  const done = spawnSync(command, [...words, ...FLAGS, "-o", output, ...inputs], {
    encoding: "utf8",
    timeout: COMPILE_TIMEOUT_MS,
  });
  if (done.error?.code === "ENOENT") {
    console.log(`no C compiler (${command}): the TypeScript twin of the forkserver will be used`);
    return 0;
  }
  if (done.status !== 0) {
    rmSync(output, { force: true });
    console.error(done.stderr || done.stdout || String(done.error ?? `${command} ended by ${done.signal}`));
    console.error(`${command} could not compile the forkserver; set CC to a working compiler`);
    return 1;
  }
  renameSync(output, target);
  console.log(`compiled ${relative(root, target)}`);
  return 0;
}

const sources = readdirSync(folder)
  .filter((name) => name.endsWith(".c") || name.endsWith(".h"))
  .map((name) => join(folder, name));
const compiler = process.env.CC?.trim() || "cc";
process.exitCode = isCurrent(sources) ? 0 : compile(compiler, sources);
