/** What a new round has to keep of the one before, by the scripts: independently of src/workflow/carry.ts and worker/rounds.ts. */
import type { TaskRecord } from "../../src/store/workerRecords.ts";
import type { JobVersion } from "./scripts.ts";

/** The tasks of `after` that keep their end, with the records that they have in `before`. */
export function keptEnds(
  before: JobVersion,
  finals: ReadonlyMap<number, TaskRecord>,
  after: JobVersion,
): ReadonlyMap<number, TaskRecord> {
  const numbers = new Map(before.tasks.map(({ name }, task) => [name, task]));
  const kept = new Map<number, TaskRecord>();
  for (const [task, { name, identity, needs }] of after.tasks.entries()) {
    const known = numbers.get(name);
    const record = known === undefined ? undefined : finals.get(known);
    if (known === undefined || record === undefined || before.tasks[known]?.identity !== identity) continue;
    if (isKeepable(record) && needs.every((need) => kept.has(need))) kept.set(task, record);
  }
  return kept;
}

const isKeepable = ({ state, reason }: TaskRecord): boolean =>
  state === "succeeded" || (state === "skipped" && reason?.type === "notNeeded");
