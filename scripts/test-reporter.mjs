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
  // A file that cannot be loaded, or a hook that throws, fails without any test case.
  const failedBefore = summary.failed.length;
  for (const test of module.children.allTests()) {
    const name = `${file} > ${test.fullName}`;
    const result = test.result();
    if (result.state === "passed") summary.passed++;
    else if (result.state === "skipped") summary.skipped.push({ name, reason: result.note ?? null });
    else summary.failed.push({ name });
  }
  const errors = [...module.errors(), ...suiteErrors(module)];
  const isBroken = errors.length > 0 || module.state() === "failed";
  if (isBroken && summary.failed.length === failedBefore) {
    const first = errors[0];
    summary.failed.push({ name: first === undefined ? file : `${file}: ${firstLine(first)}` });
  }
}

function* suiteErrors(parent) {
  for (const suite of parent.children.allSuites()) yield* suite.errors();
}

function firstLine(error) {
  return String(error?.message ?? error).split("\n")[0] ?? "";
}
