/**
 * `npm test [-- FILTER…]` and `npm run test:long`: installs and builds if need be, runs the tests, and ends with the line
 * `N passed, N failed` (`, N skipped` if any). Before it stands each skipped test with its reason.
 *
 * Counted as failures beside the test cases that fail: an error that no test caught, a process or a file that the tests
 * left behind, a skip without a reason, and under CI a skip whose reason CI could remove (test/support/requires.ts).
 * Exit code 1 when something failed or nothing ran.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asCommand, ensureBuilt, ROOT } from "./ensure.mjs";
import { endProcesses, leftFiles, leftProcesses } from "./leaks.mjs";

/** Ends the reasons of skips that CI can do something about; as in test/support/requires.ts. */
const CI_PROVIDES = "(CI provides it)";
/** A unix socket path has 107 bytes, and the tests need most of them below their folder. */
const BASE_LENGTH_MAX = 40;
/** Far beyond the slowest machine with the long tests; each test has its own, shorter limit. */
const RUN_MS_MAX = 3 * 60 * 60_000;
/** For vitest to end its workers. */
const GRACE_MS = 10_000;

await asCommand(async () => {
  const { projects, rest, isFiltered } = parseArguments(process.argv.slice(2));
  await ensureBuilt();
  const folder = mkdtempSync(join(shortTemporaryFolder(), "qt-"));
  const record = mkdtempSync(join(shortTemporaryFolder(), "qr-"));
  try {
    const summary = await runVitest([...projects, ...rest], folder, join(record, "summary.json"));
    const { allowed, wrong } = judgeSkips(summary.skipped, isFiltered);
    const failures = [...summary.failures, ...wrong, ...(await findLeaks(folder))];
    return report(summary.passed, failures, allowed);
  } finally {
    rmSync(record, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
});

function parseArguments(args) {
  const isLong = args.includes("--long");
  return {
    projects: isLong ? ["--project=long"] : ["--project=unit", "--project=process"],
    rest: args.filter((arg) => arg !== "--long"),
    // With a name pattern vitest reports all other tests as skipped.
    isFiltered: args.some((arg) => arg.startsWith("-t") || arg.startsWith("--testNamePattern")),
  };
}

/** Vitest runs as a child, so that whatever happens to it the last line is still ours. */
async function runVitest(args, folder, summaryPath) {
  const reporters = ["--reporter=default", `--reporter=${join(ROOT, "scripts", "test-reporter.mjs")}`];
  const child = spawn(
    process.execPath,
    [join(ROOT, "node_modules", "vitest", "vitest.mjs"), "run", "--allowOnly=false", ...reporters, ...args],
    { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"], env: testEnvironment(folder, summaryPath) },
  );
  // The terminal sends Ctrl-C to the child as well; it ends, and then so do we, after cleaning up.
  let ending = null;
  const end = (reason) => {
    ending ??= reason;
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), GRACE_MS).unref();
  };
  const onSignal = () => end("interrupted");
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  const deadline = setTimeout(() => end(`not done after ${RUN_MS_MAX / 60_000} minutes`), RUN_MS_MAX);
  const [code, signal] = await new Promise((resolve) => child.on("close", (...result) => resolve(result)));
  clearTimeout(deadline);
  const summary = readSummary(summaryPath);
  if (summary === null || ending !== null) {
    const reason = ending ?? (signal === null ? `exit code ${code}` : signal);
    return {
      passed: summary?.passed ?? 0,
      skipped: [],
      failures: [`the test runner ended early: ${reason}`],
    };
  }
  const failures = [
    ...summary.failed.map(({ name }) => name),
    ...summary.unhandled.map((text) => `an error that no test caught: ${text}`),
  ];
  if (code !== 0 && failures.length === 0 && summary.passed + summary.skipped.length > 0) {
    failures.push(`the test runner ended with exit code ${code}`);
  }
  return { passed: summary.passed, skipped: summary.skipped, failures };
}

/** A test that forgets to choose a state folder gets one in the run's folder, where it is found as left behind. */
function testEnvironment(folder, summaryPath) {
  const env = {
    ...process.env,
    TMPDIR: folder,
    QREW_HOME: join(folder, "home"),
    QREW_TEST_SUMMARY: summaryPath,
  };
  for (const name of Object.keys(env)) {
    if (name.startsWith("QREW_") && !["QREW_HOME", "QREW_TEST_SUMMARY", "QREW_CI"].includes(name))
      delete env[name];
  }
  if (!process.stdout.isTTY && env.FORCE_COLOR === undefined) env.NO_COLOR = "1";
  return env;
}

function readSummary(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return null;
  }
}

/** `allowed` skips are named and counted as skipped, `wrong` ones are failures. */
function judgeSkips(skipped, isFiltered) {
  const isCi = process.env.QREW_CI === "1" || process.env.CI === "true";
  const allowed = [];
  const wrong = [];
  for (const { name, reason } of skipped) {
    if (reason === null) {
      if (!isFiltered) wrong.push(`${name}: skipped without a reason`);
    } else if (isCi && reason.endsWith(CI_PROVIDES)) wrong.push(`${name}: skipped in CI: ${reason}`);
    else allowed.push({ name, reason });
  }
  return { allowed, wrong };
}

async function findLeaks(folder) {
  const processes = await leftProcesses(folder);
  const failures = processes.map(({ pid, command }) => `left behind: process ${pid}, ${command}`);
  await endProcesses(processes);
  failures.push(...leftFiles(folder).map((name) => `left behind: file ${name} in the temporary folder`));
  return failures;
}

function report(passed, failures, skipped) {
  const lines = [
    ...failures.map((text) => `failed: ${text}`),
    ...skipped.map(({ name, reason }) => `skipped: ${name}: ${reason}`),
  ];
  const isEmpty = passed + failures.length + skipped.length === 0;
  if (isEmpty) lines.push("no test ran.");
  const tail = skipped.length > 0 ? `, ${skipped.length} skipped` : "";
  process.stdout.write(
    `${["", ...lines, `${passed} passed, ${failures.length} failed${tail}`].join("\n")}\n`,
  );
  return failures.length > 0 || isEmpty ? 1 : 0;
}

function shortTemporaryFolder() {
  return tmpdir().length <= BASE_LENGTH_MAX ? tmpdir() : "/tmp";
}
