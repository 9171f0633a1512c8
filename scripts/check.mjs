/**
 * `npm run check`: the whole gate. Every step runs, also after one that failed, and says its name; the last line is
 * `check: ok` or names the steps that failed. `npm run check -- types lint` runs some of them.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { asCommand, ensureInstalled, ROOT } from "./ensure.mjs";

/** Each takes seconds; one that hangs must not hang CI. */
const STEP_TIMEOUT_MS = 5 * 60_000;

const STEPS = [
  { name: "types", script: "node_modules/typescript/bin/tsc", args: ["--noEmit", "-p", "."] },
  { name: "lint", script: "node_modules/oxlint/bin/oxlint", args: ["--type-aware", "--deny-warnings"] },
  { name: "format", script: "node_modules/@biomejs/biome/bin/biome", args: ["format", "."] },
  { name: "imports", script: "scripts/check-imports.mjs", args: [] },
  {
    name: "dead code",
    script: "node_modules/knip/bin/knip.js",
    args: ["--no-progress", "--no-config-hints"],
  },
];

await asCommand(async () => {
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !STEPS.some((step) => step.name === name));
  if (unknown.length > 0) {
    process.stderr.write(
      `no such step: ${unknown.join(", ")}; there are ${STEPS.map((step) => step.name).join(", ")}.\n`,
    );
    return 2;
  }
  await ensureInstalled();
  const failed = [];
  for (const step of STEPS) {
    if (wanted.length > 0 && !wanted.includes(step.name)) continue;
    if (!(await passes(step))) failed.push(step.name);
  }
  process.stdout.write(failed.length === 0 ? "check: ok\n" : `check: failed: ${failed.join(", ")}\n`);
  return failed.length === 0 ? 0 : 1;
});

/** One line for a step that passes; all that it printed for one that does not. */
async function passes({ name, script, args }) {
  const startedAtMs = Date.now();
  const child = spawn(process.execPath, [join(ROOT, script), ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: STEP_TIMEOUT_MS,
    env: { ...process.env, FORCE_COLOR: process.stdout.isTTY ? "1" : "0" },
  });
  const output = [];
  child.stdout.on("data", (chunk) => output.push(chunk));
  child.stderr.on("data", (chunk) => output.push(chunk));
  const [code, signal] = await new Promise((resolve) => child.on("close", (...ending) => resolve(ending)));
  const isOk = code === 0;
  if (!isOk) process.stdout.write(`${Buffer.concat(output).toString().trimEnd()}\n`);
  const verdict = isOk ? "ok" : signal === null ? "failed" : `ended by ${signal}`;
  process.stdout.write(`${name}: ${verdict} (${((Date.now() - startedAtMs) / 1000).toFixed(1)} s)\n`);
  return isOk;
}
