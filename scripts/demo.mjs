/**
 * `npm run demo`: installs and builds if need be, then runs examples/demo/workflow.yaml as a user would, in a new
 * temporary folder and with the user's own state folder, so that `npx qrew show last` finds the job afterwards.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { asCommand, ensureBuilt, ROOT, SetupError } from "./ensure.mjs";

const WORKFLOW = join(ROOT, "examples", "demo", "workflow.yaml");
const COMMAND = join(ROOT, "dist", "src", "cli", "main.js");
/** What the tasks call; all but awk come with every Linux. */
const TOOLS = ["sh", "awk", "sort", "gzip", "cat", "mkdir"];

await asCommand(async () => {
  checkTools();
  await ensureBuilt();
  const folder = mkdtempSync(join(tmpdir(), "qrew-demo-"));
  process.stdout.write(`$ qrew run ${join("examples", "demo", "workflow.yaml")}\n`);
  const exitCode = await runWorkflow(folder);
  if (exitCode !== 0) {
    process.stdout.write(`\nThe demo ended with exit code ${exitCode}; "npx qrew show last" says why.\n`);
    return exitCode;
  }
  showResult(folder);
  return 0;
});

function checkTools() {
  const missing = TOOLS.filter((tool) => spawnSync("sh", ["-c", `command -v ${tool}`]).status !== 0);
  if (missing.length > 0)
    throw new SetupError(`the demo's tasks need ${missing.join(", ")}; install that and try again.`);
}

/** Resolves to the exit code. A Ctrl-C reaches the command from the terminal, and it cancels its job; we wait for that. */
function runWorkflow(folder) {
  const child = spawn(process.execPath, [COMMAND, "run", WORKFLOW], { cwd: folder, stdio: "inherit" });
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

function showResult(folder) {
  const report = readFileSync(join(folder, "report.txt"), "utf8").trimEnd();
  process.stdout.write(`
What was computed: a year of weather at 24 stations, cleaned, counted and merged.

${report.replaceAll(/^/gm, "  ")}

The files are in ${folder}; remove it when you have seen enough.
Try next, in this folder:

  npx qrew show last                               the job: progress, times, attempts
  npx qrew logs last calibration --attempt 1 --stderr
                                                   what the task said that failed once
  npx qrew tasks last                              each of its tasks
`);
}
