/**
 * A reporter for vitest beside its own: writes what scripts/test.mjs has to know when the run is over, as JSON, to the
 * file named in QREW_TEST_SUMMARY: `{passed, failed: [{name}], skipped: [{name, reason}], unhandled: [text]}`.
 */
import { writeFileSync } from "node:fs";

export default class SummaryReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const summary = { passed: 0, failed: [], skipped: [], unhandled: [] };
    for (const module of modules) collect(module, summary);
    for (const error of unhandledErrors) summary.unhandled.push(firstLine(error));
    const path = process.env.QREW_TEST_SUMMARY;
    if (path !== undefined) writeFileSync(path, JSON.stringify(summary));
  }
}

function collect(module, summary) {
  const file = module.relativeModuleId ?? module.moduleId;
  const failedBefore = summary.failed.length;
  collectFrom(module, file, summary, false);
  // What vitest calls failed and we cannot say why must not pass.
  if (module.state() === "failed" && summary.failed.length === failedBefore)
    summary.failed.push({ name: file });
}

/** A file that cannot be loaded, or a hook that throws, fails without a test case; the cases in it then did not run. */
function collectFrom(parent, file, summary, isInBroken) {
  const errors = parent.errors();
  const name = parent.type === "suite" ? `${file} > ${parent.fullName}` : file;
  for (const error of errors) summary.failed.push({ name: `${name}: ${firstLine(error)}` });
  const isBroken = isInBroken || errors.length > 0;
  for (const child of parent.children) {
    if (child.type === "suite") collectFrom(child, file, summary, isBroken);
    else collectCase(child, file, summary, isBroken);
  }
}

function collectCase(test, file, summary, isInBroken) {
  const name = `${file} > ${test.fullName}`;
  const result = test.result();
  if (result.state === "passed") summary.passed++;
  else if (result.state !== "skipped") summary.failed.push({ name });
  else if (!isInBroken || result.note !== undefined)
    summary.skipped.push({ name, reason: result.note ?? null });
}

function firstLine(error) {
  return String(error?.message ?? error).split("\n")[0] ?? "";
}
