/** The JSON that commands print with `--json`. docs/json.md describes it; a change of meaning is a new version. */
import type { DaemonReport, JobSummary } from "../../protocol/clientLink.ts";
import type { Resources } from "../../protocol/resources.ts";
import type { TaskFailure } from "../client/failures.ts";
import type { JobView } from "../client/jobView.ts";
import type { TaskView } from "../client/readTasks.ts";
import type { Home } from "../node/home.ts";

export const JSON_VERSION = 1;

/** A whole document, indented for people who look at it. */
export const jsonDocument = (fields: object): string =>
  JSON.stringify({ version: JSON_VERSION, ...fields }, null, 2);

/** ISO 8601 with milliseconds, UTC. */
export const jsonTime = (atMs: number | null): string | null =>
  atMs === null ? null : new Date(atMs).toISOString();

/** The kernel counts no finer; the digits beyond come from the addition. */
const inMicroseconds = (seconds: number): number => Math.round(seconds * 1e6) / 1e6;

export function jsonSummary(summary: JobSummary): object {
  return {
    id: summary.job,
    name: summary.name,
    state: summary.state,
    createdAt: jsonTime(summary.createdAtMs),
    startedAt: jsonTime(summary.startedAtMs),
    finishedAt: jsonTime(summary.finishedAtMs),
    tasks: summary.tasks,
    detail: summary.detail,
  };
}

export function jsonJob(job: JobView): object {
  return {
    ...jsonSummary(job),
    round: job.round,
    priority: job.priority,
    directory: job.directory,
    source: job.source,
    cancelRequested: job.cancelRequested,
  };
}

export function jsonTask(task: TaskView): object {
  return {
    name: task.name,
    state: task.state,
    attempt: task.attempt,
    exitCode: task.exitCode,
    signal: task.signal,
    startedAt: jsonTime(task.startedAtMs),
    finishedAt: jsonTime(task.finishedAtMs),
    startedSeq: task.startedSeq,
    finishedSeq: task.finishedSeq,
    node: task.node,
    usage:
      task.usage === null
        ? null
        : {
            cpuSeconds: inMicroseconds(task.usage.userSeconds + task.usage.systemSeconds),
            maxRssBytes: task.usage.maxRssBytes,
          },
    reason: task.reason,
  };
}

export function jsonFailure(failure: TaskFailure): object {
  return {
    task: failure.task.name,
    attempt: failure.task.attempt,
    attemptsMax: failure.task.attemptsMax,
    reason: failure.task.reason,
    exitCode: failure.task.exitCode,
    signal: failure.task.signal,
    stream: failure.excerpt?.stream ?? null,
    lastLines: failure.excerpt?.lines ?? [],
  };
}

export function jsonDaemon(report: DaemonReport, home: Home): object {
  return {
    packageVersion: report.packageVersion,
    home: home.folder,
    instance: report.instance,
    epoch: report.epoch,
    startedAt: jsonTime(report.startedAtMs),
    draining: report.draining,
    transient: report.transient,
    capacity: jsonResources(report.capacity),
    lent: jsonResources(report.lent),
    jobs: report.jobs,
    processes: report.processes,
    refusedFrames: report.refusedFrames,
  };
}

/** In whole units, as they are written in documents; memory in bytes. */
function jsonResources(resources: Resources): object {
  const named = Object.entries(resources.named).map(([name, milli]) => [name, milli / 1000] as const);
  return {
    cpus: resources.cpusMilli / 1000,
    memoryBytes: resources.memoryBytes,
    gpus: resources.gpusMilli / 1000,
    named: Object.fromEntries(named),
  };
}
