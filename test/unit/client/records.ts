/** Records as the stores and the wire have them, for tests that care about one field at a time. */
import type { JobSummary } from "../../../protocol/clientLink.ts";
import type { TaskCounts } from "../../../protocol/fields.ts";
import { jobSeq, taskIndex } from "../../../protocol/ids.ts";
import type { TaskView } from "../../../src/client/readTasks.ts";
import type { JobRecord } from "../../../src/store/managerRecords.ts";
import type { TaskRecord } from "../../../src/store/workerRecords.ts";

export function counts(some: Partial<TaskCounts>): TaskCounts {
  const none = {
    waiting: 0,
    ready: 0,
    running: 0,
    backoff: 0,
    succeeded: 0,
    failed: 0,
    cancelled: 0,
    skipped: 0,
  };
  const all = { ...none, ...some };
  const total = Object.entries(all).reduce((sum, [name, count]) => (name === "total" ? sum : sum + count), 0);
  return { total, ...all };
}

export const summary = (some: Partial<JobSummary>): JobSummary => ({
  job: jobSeq(1),
  name: "demo",
  state: "running",
  createdAtMs: 1_000,
  startedAtMs: 2_000,
  finishedAtMs: null,
  tasks: counts({ running: 1 }),
  detail: null,
  ...some,
});

export const jobRecord = (some: Partial<JobRecord>): JobRecord => ({
  ...summary({}),
  round: 1,
  planRound: 1,
  priority: 0,
  directory: "/data",
  source: "demo.yaml",
  seat: null,
  cancelRequested: false,
  pause: "off",
  parked: null,
  ...some,
});

export const taskRecord = (some: Partial<TaskRecord>): TaskRecord => ({
  state: "succeeded",
  attempt: 1,
  failures: 0,
  readySeq: 1,
  startedSeq: 2,
  finishedSeq: 3,
  startedAtMs: 2_000,
  finishedAtMs: 3_000,
  startedMonoMs: 2_000,
  endedMonoMs: 3_000,
  exitCode: 0,
  signal: null,
  usage: null,
  node: "node1",
  reason: null,
  retryAtMs: null,
  losses: 0,
  ...some,
});

export const taskView = (some: Partial<TaskView>): TaskView => ({
  task: taskIndex(0),
  name: "build",
  state: "succeeded",
  attempt: 1,
  attemptsMax: 1,
  reason: null,
  exitCode: 0,
  signal: null,
  startedAtMs: 2_000,
  finishedAtMs: 3_500,
  usage: null,
  node: "node1",
  startedSeq: 1,
  finishedSeq: 2,
  ...some,
});
