/**
 * Makes a clone ready to run, if it is not: installs the dependencies and builds. Every command of the project calls it,
 * so that any of them can be the first one in a fresh clone. When nothing changed it costs a few milliseconds.
 *
 * What it does is told on stderr, so that the stdout of a command stays its own.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, isBuilt } from "./build-dist.mjs";
import { withLock } from "./lock.mjs";

/** Written so that a Node that is too old gets as far as being told so. */
export const ROOT = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

/** A fault that the person at the keyboard can do something about: one sentence, no stack. */
export class SetupError extends Error {}

/** A slow network and a cold cache; beyond it the registry is not reachable in any useful sense. */
const INSTALL_TIMEOUT_MS = 10 * 60_000;
/** The lower bound of `engines` in package.json. */
const NODE_MIN = [20, 11];

/** Dependencies are there as package-lock.json has them, and the native ones load. Throws SetupError. */
export async function ensureInstalled() {
  checkMachine();
  if (isInstalled()) return;
  await withLock(join(ROOT, ".qrew-setup.lock"), async () => {
    if (isInstalled()) return;
    say("installing dependencies (npm, from package-lock.json) …");
    install();
    checkNative();
  });
}

/** Dependencies and an up-to-date dist/, with `npx qrew` in place. Throws SetupError. */
export async function ensureBuilt() {
  await ensureInstalled();
  if (isBuilt(ROOT)) return;
  await withLock(join(ROOT, ".qrew-setup.lock"), async () => {
    if (isBuilt(ROOT)) return;
    say("building …");
    const fault = build(ROOT);
    if (fault !== null) throw new SetupError(fault);
  });
}

/** Runs the body of a command; a SetupError becomes one line and exit code 1. */
export async function asCommand(body) {
  try {
    process.exitCode = await body();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`qrew: ${error.message}\n`);
    process.exitCode = 1;
  }
}

export function say(text) {
  process.stderr.write(`qrew: ${text}\n`);
}

function checkMachine() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1])) {
    throw new SetupError(
      `Node ${NODE_MIN.join(".")} or newer is needed and this is ${process.versions.node}; install a newer one and try again.`,
    );
  }
  if (process.platform !== "linux") {
    throw new SetupError(`qrew runs on Linux only, and this is ${process.platform}.`);
  }
}

/**
 * Compares what npm says it installed with what the lock file wants. By content and not by time: a checkout, a copy or
 * an interrupted install then never passes for a finished one (npm writes its own record last).
 */
function isInstalled() {
  const record = join(ROOT, "node_modules", ".package-lock.json");
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")).packages;
  const present = JSON.parse(readFileSync(record, "utf8")).packages;
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === "") return true;
    const found = present[path];
    return found === undefined ? optional === true : found.version === version;
  });
}

/**
 * `npm install` that saves nothing takes the versions and hashes of the lock file like `npm ci`, but does not refuse a
 * lock file without the optional binaries of other platforms. No install scripts: what we need ships prebuilt.
 */
function install() {
  const args = ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const result = spawnSync("npm", args, { cwd: ROOT, encoding: "utf8", timeout: INSTALL_TIMEOUT_MS });
  if (result.error !== undefined) {
    throw new SetupError(`npm could not be run (${result.error.message}); install npm and try again.`);
  }
  if (result.status !== 0) {
    const reason = result.stderr.trim().split("\n").slice(0, 12).join("\n");
    throw new SetupError(
      `the dependencies could not be installed; is a package registry reachable? npm said:\n${reason}`,
    );
  }
}

/** Without install scripts a platform that has no prebuilt binary shows only when the module is loaded. */
function checkNative() {
  for (const name of ["lmdb", "zeromq"]) {
    const result = spawnSync(process.execPath, ["-e", `import("${name}")`], {
      cwd: ROOT,
      encoding: "utf8",
      timeout: 60_000,
    });
    if (result.status === 0) continue;
    const target = `linux ${process.arch}, Node ${process.versions.node}`;
    throw new SetupError(
      `${name} has no prebuilt binary that loads here (${target}); with a C++ compiler, "npm rebuild ${name}" makes one.\n` +
        result.stderr.trim().split("\n").slice(0, 8).join("\n"),
    );
  }
}
