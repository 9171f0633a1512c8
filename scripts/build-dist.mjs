/**
 * Builds dist/ from the sources: TypeScript, the C programs, files that are taken as they are, and the `qrew` command.
 * A stamp in dist/ holds the hash of everything that went in, so that "is it built" is a comparison of contents.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** The folders that are shipped; as in tsconfig.build.json. */
const FOLDERS = ["protocol", "src", "manager", "worker", "executor"];
const INPUTS = [
  "package.json",
  "tsconfig.json",
  "tsconfig.build.json",
  "scripts/build-forkserver.mjs",
  "scripts/build-replay.mjs",
];
/** Sources and their documents stay out of dist; everything else that lies beside the code belongs to it. */
const NOT_COPIED = /(\.(ts|md|c|h)|Makefile)$/;
const STAMP = "dist/.stamp";
const COMMAND = "dist/src/cli/main.js";
const LINK = "node_modules/.bin/qrew";
const PROGRAMS = ["dist/executor/forkserver/forkserver", "dist/src/workflow/replay/replay"];
/** A cold `tsc` takes some 10 s on a slow machine. */
const STEP_TIMEOUT_MS = 5 * 60_000;

export function isBuilt(root) {
  const stamp = join(root, STAMP);
  if (!existsSync(stamp) || !existsSync(join(root, LINK))) return false;
  // Built without a compiler, and now there is one.
  if (PROGRAMS.some((program) => !existsSync(join(root, program))) && hasCompiler()) return false;
  const files = listSources(root);
  return readFileSync(stamp, "utf8") === fingerprint(root, files) && missingOutputs(root, files).length === 0;
}

function hasCompiler() {
  const [command = "cc"] = (process.env.CC?.trim() || "cc").split(/\s+/);
  return spawnSync(command, ["--version"], { stdio: "ignore", timeout: STEP_TIMEOUT_MS }).status === 0;
}

/** Null, or a sentence that says what went wrong. */
export function build(root) {
  const files = listSources(root);
  const print = fingerprint(root, files);
  rmSync(join(root, STAMP), { force: true });
  removeOrphans(root, files);
  // tsc keeps a list of what it wrote and does not see that some of it was removed.
  if (missingOutputs(root, files).length > 0) rmSync(join(root, "dist/.tsbuildinfo"), { force: true });
  const compiler = ["-p", "tsconfig.build.json", "--incremental", "--tsBuildInfoFile", "dist/.tsbuildinfo"];
  if (!runNode(root, "node_modules/typescript/bin/tsc", compiler)) {
    return "the TypeScript sources do not compile (see above); nothing was started.";
  }
  if (!runNode(root, "scripts/build-forkserver.mjs", []))
    return "the forkserver could not be built (see above).";
  if (!runNode(root, "scripts/build-replay.mjs", []))
    return "the replay program could not be built (see above).";
  for (const file of files.filter((name) => !NOT_COPIED.test(name))) {
    mkdirSync(dirname(join(root, "dist", file)), { recursive: true });
    copyFileSync(join(root, file), join(root, "dist", file));
  }
  if (!existsSync(join(root, COMMAND))) {
    return `the build made no ${COMMAND}: its source src/cli/main.ts is missing from this checkout.`;
  }
  linkCommand(root);
  writeFileSync(join(root, STAMP), print);
  return null;
}

/** `npx qrew` finds its command in node_modules/.bin before it asks any registry. */
function linkCommand(root) {
  chmodSync(join(root, COMMAND), 0o755);
  rmSync(join(root, LINK), { force: true });
  symlinkSync(`../../${COMMAND}`, join(root, LINK));
}

function runNode(root, script, args) {
  const stdio = ["ignore", "pipe", "pipe"];
  const result = spawnSync(process.execPath, [script, ...args], {
    cwd: root,
    stdio,
    encoding: "utf8",
    timeout: STEP_TIMEOUT_MS,
  });
  process.stderr.write(result.stdout ?? "");
  process.stderr.write(result.stderr ?? "");
  if (result.error !== undefined) process.stderr.write(`${script}: ${result.error.message}\n`);
  return result.status === 0;
}

/** Files of the shipped folders, sorted, relative to the root. */
function listSources(root) {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)),
  ).sort();
}

function fingerprint(root, files) {
  const hash = createHash("sha256");
  for (const file of [...INPUTS, ...files]) {
    const path = join(root, file);
    const content = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

function outputOf(file) {
  if (file.endsWith(".d.ts")) return null;
  if (file.endsWith(".ts")) return `dist/${file.slice(0, -3)}.js`;
  return NOT_COPIED.test(file) ? null : `dist/${file}`;
}

function missingOutputs(root, files) {
  return files.map(outputOf).filter((output) => output !== null && !existsSync(join(root, output)));
}

/** JavaScript whose source is gone would still be found by an import, and what depends on it would go on working. */
function removeOrphans(root, files) {
  const wanted = new Set(files.map(outputOf));
  for (const folder of FOLDERS) {
    const base = join(root, "dist", folder);
    if (!existsSync(base)) continue;
    for (const entry of readdirSync(base, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const output = path.slice(root.length + 1).replace(/\.map$/, "");
      if (entry.isFile() && output.endsWith(".js") && !wanted.has(output)) rmSync(path, { force: true });
    }
  }
}
