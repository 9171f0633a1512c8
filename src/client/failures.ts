/** The first tasks of a job that failed, each with the last that it wrote: what one looks for first. */
import type { TaskIndex } from "../../protocol/ids.ts";
import type { TaskRecord } from "../store/workerRecords.ts";
import type { StateReader } from "./read.ts";
import { lastLines, outputTail, type StreamName } from "./readOutput.ts";
import type { JobTasks, TaskView } from "./readTasks.ts";

/** The first error is nearly always the cause of the others; five show whether they are alike. */
export const FAILURES_MAX = 5;

const EXCERPT_LINES = 10;
/** Ten lines of usual length; of longer ones the last are shown. */
const EXCERPT_BYTES = 16 * 1024;

export interface OutputExcerpt {
  readonly stream: StreamName;
  readonly lines: readonly string[];
}

export interface TaskFailure {
  readonly task: TaskView;
  /** From stderr or, where nothing is there, from stdout; null when it wrote nothing. */
  readonly excerpt: OutputExcerpt | null;
}

/** In the order in which they failed. */
export function firstFailures(
  reader: StateReader,
  tasks: JobTasks,
  limit: number = FAILURES_MAX,
): readonly TaskFailure[] {
  if (tasks.job.tasks.failed === 0) return [];
  const first: { readonly task: TaskIndex; readonly record: TaskRecord }[] = [];
  for (const found of tasks.recorded()) {
    if (found.record.state !== "failed") continue;
    const place = first.findIndex(({ record }) => endOf(record) > endOf(found.record));
    first.splice(place === -1 ? first.length : place, 0, found);
    if (first.length > limit) first.pop();
  }
  return first.map(({ task, record }) => {
    const view = tasks.view(task, record);
    return { task: view, excerpt: excerptOf(reader, tasks, view) };
  });
}

const endOf = (record: TaskRecord): number => record.finishedSeq ?? Number.POSITIVE_INFINITY;

function excerptOf(reader: StateReader, tasks: JobTasks, task: TaskView): OutputExcerpt | null {
  for (const stream of ["stderr", "stdout"] as const) {
    const output = reader.output(tasks.job, task.task, task.attempt, stream);
    const lines = output === null ? [] : lastLines(outputTail(output, EXCERPT_BYTES), EXCERPT_LINES);
    if (lines.length > 0) return { stream, lines };
  }
  return null;
}
