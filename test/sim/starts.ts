/** Whether a task may start: by what its job's document says, and by the ends that are on record. */
import type { TaskRecord } from "../../src/store/workerRecords.ts";
import type { TaskScript, When } from "./scripts.ts";

export type Finals = ReadonlyMap<number, TaskRecord>;

/** What the dependencies of a task mean for it. */
export type Fate = "waits" | "runs" | "skipped" | "notNeeded";

/** By the rules of docs/document.md, independently of worker/core/settle.ts. It does not depend on the order of the ends. */
export function fateOf({ needs, when }: TaskScript, finals: Finals): Fate {
  const ends = needs.map((need) => finals.get(need));
  const isFailed = ends.some((end) => end !== undefined && end.state !== "succeeded" && !isUnneeded(end));
  if (when === "success" && isFailed) return "skipped";
  if (ends.includes(undefined)) return "waits";
  if (when === "always") return "runs";
  if (when === "failure") return isFailed ? "runs" : "notNeeded";
  return ends.some((end) => end !== undefined && isUnneeded(end)) ? "notNeeded" : "runs";
}

const isUnneeded = ({ reason }: TaskRecord): boolean => reason?.type === "notNeeded";

/** With failFast nothing else is begun once a task has failed. */
export const dealsWithFailures = (when: When): boolean => when !== "success";

export const hasFailure = (finals: Finals): boolean =>
  [...finals.values()].some(({ state }) => state === "failed");
