/** What the stores have to say when all jobs have ended, judged by the scripts. */
import { attemptKey, type JobSeq, seatStoreName, taskIndex } from "../../protocol/ids.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import { listJobs, readJob } from "../../src/store/managerStore.ts";
import { STREAM_STDOUT, type TaskRecord } from "../../src/store/workerRecords.ts";
import { readOutput, readTask, readWorkerJob } from "../../src/store/workerStore.ts";
import { isFinal, stateCode } from "../../worker/core/taskStates.ts";
import type { SimStore } from "./disk.ts";
import type { JobScript, TaskScript } from "./workload.ts";
import type { World } from "./world.ts";

/** More than a simulation has. */
const JOBS_MAX = 1000;

type Complain = (invariant: string, detail: string) => void;

export function judgeEnd(
  world: World,
  accepted: ReadonlyMap<JobSeq, JobScript>,
  cancelAsked: ReadonlySet<JobSeq>,
  complain: Complain,
): void {
  const left = world.tasks.living()[0];
  if (left !== undefined) complain("nothing is left", `${attemptKey(left.id)} runs`);
  const manager = world.disk.open("manager");
  judgeKeys(world, complain);
  for (const [job, script] of accepted) {
    const record = manager.read((reader) => readJob(reader, job));
    if (record === null || !isFinalJobState(record.state)) {
      complain("every job ends", `job ${job} is ${record?.state ?? "gone"}`);
      continue;
    }
    const wasCancelled = cancelAsked.has(job);
    if (record.state === "cancelled" && !wasCancelled)
      complain("cancelled is who was cancelled", `job ${job}`);
    if (record.seat === null) continue;
    const store = world.disk.open(seatStoreName(record.seat));
    const progress = store.read((reader) => readWorkerJob(reader, job));
    if (progress?.state !== record.state) {
      complain("the stores agree", `job ${job}: ${record.state} and ${progress?.state ?? "nothing"}`);
    }
    if (JSON.stringify(progress?.tasks) !== JSON.stringify(record.tasks)) {
      complain(
        "the stores agree",
        `job ${job}: ${JSON.stringify(record.tasks)}, ${JSON.stringify(progress?.tasks)}`,
      );
    }
    judgeTasks(store, job, script, wasCancelled, complain);
  }
}

function judgeKeys({ disk, settings }: World, complain: Complain): void {
  const jobs = disk.open("manager").read((reader) => listJobs(reader, { limit: JOBS_MAX }));
  for (const { name, key } of settings.jobs) {
    const count = jobs.filter((job) => job.name === name).length;
    if (key !== null && count > 1) complain("one job for one key", `${count} jobs are called ${name}`);
  }
}

function judgeTasks(
  store: SimStore,
  job: JobSeq,
  { tasks }: JobScript,
  wasCancelled: boolean,
  complain: Complain,
): void {
  const records = tasks.map((_, task) => store.read((reader) => readTask(reader, job, taskIndex(task))));
  for (const [task, script] of tasks.entries()) {
    const record = records[task] ?? null;
    const name = `task ${job}/${task}`;
    if (record === null || !isFinal(stateCode(record.state))) {
      complain("one final record", `${name} is ${record?.state ?? "without record"}`);
      continue;
    }
    const needsFailed = script.needs.some((need) => records[need]?.state !== "succeeded");
    if (record.state === "skipped" && !needsFailed) complain("skipped is who waits in vain", name);
    if (record.state === "cancelled" && !wasCancelled) complain("cancelled is who was cancelled", name);
    if (record.state === "failed") judgeFailure(name, script, record, complain);
    if (record.state !== "succeeded" || script.kind === "noop") continue;
    const id = { job, task: taskIndex(task), attempt: record.attempt };
    const output = store.read((reader) => readOutput(reader, { ...id, stream: STREAM_STDOUT }));
    const text = output?.type === "inline" ? Buffer.from(output.bytes).toString() : "nothing";
    if (text !== attemptKey(id)) complain("the output is the attempt's own", `${name}: ${text}`);
  }
}

function judgeFailure(name: string, script: TaskScript, record: TaskRecord, complain: Complain): void {
  const { reason, failures } = record;
  const why = JSON.stringify(reason);
  switch (reason?.type) {
    case "lost":
      return;
    case "exited":
    case "timedOut":
      if (failures !== script.retryLimit + 1)
        complain("failed is who used up its attempts", `${name}: ${failures}`);
      if (reason.type === "timedOut" && script.timeoutMs === null)
        complain("blame is deserved", `${name}: ${why}`);
      if (reason.type === "exited" && script.failures === 0) complain("blame is deserved", `${name}: ${why}`);
      return;
    default:
      complain("blame is deserved", `${name}: ${why}`);
  }
}
