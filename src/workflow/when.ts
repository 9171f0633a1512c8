/** `when` of a task: how it relates to the ends of what it depends on. */
import { atValue, type FaultList, type Path } from "./fault.ts";
import { didYouMean } from "./nearest.ts";
import { WHEN_ALWAYS, WHEN_FAILURE, WHEN_SUCCESS } from "./plan.ts";
import { describe } from "./scalar.ts";

const CODES: ReadonlyMap<unknown, number> = new Map([
  ["success", WHEN_SUCCESS],
  ["failure", WHEN_FAILURE],
  ["always", WHEN_ALWAYS],
]);

const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ["failed", "failure"],
  ["on_failure", "failure"],
  ["error", "failure"],
  ["succeeded", "success"],
  ["on_success", "success"],
  ["ok", "success"],
  ["finished", "always"],
]);

/** `WHEN_…` of plan.ts; that of success after a fault. */
export function readWhen(value: unknown, dependencyCount: number, path: Path, faults: FaultList): number {
  if (value === undefined || value === null) return WHEN_SUCCESS;
  const place = () => atValue([...path, "when"]);
  const code = CODES.get(value);
  if (code === undefined) {
    const guess =
      typeof value === "string" ? didYouMean(value, ["success", "failure", "always"], OTHER_NAMES) : "";
    faults.add(place, () => `when must be success, failure or always, found ${describe(value)}.${guess}`);
    return WHEN_SUCCESS;
  }
  if (code === WHEN_FAILURE && dependencyCount === 0) {
    faults.add(place, () => "when: failure needs tasks that can fail: name them in depends.");
  }
  return code;
}
