/** Gathers what `show` shows of a job, in one pass over its tasks. */
import { firstFailures } from "../client/failures.ts";
import type { JobView } from "../client/jobView.ts";
import type { StateReader } from "../client/read.ts";
import type { TaskView } from "../client/readTasks.ts";
import type { ShownJob } from "./view/showView.ts";

/** As many as the live view has. */
const RUNNING_MAX = 8;
const REPEATED_MAX = 5;

export function gatherShownJob(reader: StateReader, job: JobView): ShownJob {
  const tasks = reader.tasks(job);
  const running: TaskView[] = [];
  const repeated: TaskView[] = [];
  for (const { task, record } of tasks.recorded()) {
    if (record.state === "running" && running.length < RUNNING_MAX) running.push(tasks.view(task, record));
    // Failed ones are shown as failures, with their attempt.
    const isRepeated = record.attempt > 1 && record.state !== "failed";
    if (isRepeated && repeated.length < REPEATED_MAX) repeated.push(tasks.view(task, record));
  }
  return {
    job,
    daemonRuns: reader.holder() !== null,
    running,
    failures: firstFailures(reader, tasks),
    repeated: repeated.map((task) => ({ task, attempts: tasks.attempts(task.task) })),
  };
}
