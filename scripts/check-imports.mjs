/** Import directions, cycles and the purity of the cores, by the rules in .dependency-cruiser.mjs. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cruise } from "dependency-cruiser";
import { directions, purity } from "../.dependency-cruiser.mjs";
import { ROOT } from "./ensure.mjs";

const FOLDERS = ["protocol", "src", "manager", "worker", "executor", "bench", "test"];
/**
 * A compiler that the tool cannot use makes it see nothing, and then nothing is wrong. The files of the folder `protocol`
 * alone are more than this.
 */
const MODULES_MIN = 20;

process.chdir(ROOT);
const folders = FOLDERS.filter((folder) => existsSync(join(ROOT, folder)));
const seen = new Set();
const violations = [
  ...(await violationsOf(directions, { tsPreCompilationDeps: true })),
  ...(await violationsOf(purity, { tsPreCompilationDeps: false })),
];
for (const line of new Set(violations)) process.stdout.write(`${line}\n`);
process.stdout.write(`${seen.size} modules, ${new Set(violations).size} violations\n`);
if (seen.size < MODULES_MIN)
  process.stdout.write(`fewer than ${MODULES_MIN} modules were seen: the tool is not working\n`);
process.exitCode = violations.length > 0 || seen.size < MODULES_MIN ? 1 : 0;

async function violationsOf(forbidden, options) {
  const { output } = await cruise(folders, {
    ...options,
    validate: true,
    ruleSet: { forbidden },
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^dist/" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "types", "default"],
    },
  });
  for (const { source } of output.modules) if (source.endsWith(".ts")) seen.add(source);
  return output.summary.violations.map(({ rule, from, to, cycle, via }) => {
    const path = (cycle ?? via ?? []).map(({ name }) => name).join(" → ");
    return `${rule.name}: ${from} → ${to}${path === "" ? "" : ` (${path})`}`;
  });
}
