/** What the stores have to say when all jobs have ended, judged by the scripts. */
import { attemptKey, type JobSeq, type SeatNumber, seatStoreName, taskIndex } from "../../protocol/ids.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import { keysUnder } from "../../src/store/keys.ts";
import { listJobs, readEnvironment, readJob } from "../../src/store/managerStore.ts";
import { readPlanOfRound } from "../../src/store/plans.ts";
import { NOOP_ENDS } from "../../src/store/noopEnds.ts";
import { STREAM_STDOUT, type TaskRecord } from "../../src/store/workerRecords.ts";
import { readOutput, readTask, readWorkerJob, TASK_TABLES } from "../../src/store/workerStore.ts";
import { isFinal, stateCode } from "../../worker/core/taskStates.ts";
import type { SimStore } from "./disk.ts";
import { JOBS_MAX } from "./records.ts";
import type { JobVersion, TaskScript } from "./scripts.ts";
import { type Fate, fateOf, hasFailure } from "./starts.ts";
import { outputText } from "./tasks.ts";
import type { World } from "./world.ts";

type Complain = (invariant: string, detail: string) => void;

export interface Verdicts {
  readonly accepted: readonly JobSeq[];
  /** With the seat that each had. */
  readonly pruned: ReadonlyMap<JobSeq, SeatNumber | null>;
  readonly cancelAsked: ReadonlySet<JobSeq>;
  readonly complain: Complain;
}

export function judgeEnd(world: World, { accepted, pruned, cancelAsked, complain }: Verdicts): void {
  const left = world.tasks.living()[0];
  if (left !== undefined) complain("nothing is left", `${attemptKey(left.id)} runs`);
  judgeKeys(world, complain);
  for (const [job, seat] of pruned) judgePruned(world, job, seat, complain);
  for (const job of accepted) judgeJob(world, job, cancelAsked.has(job), complain);
}

function judgeJob(world: World, job: JobSeq, wasCancelled: boolean, complain: Complain): void {
  const record = world.disk.open("manager").read((reader) => readJob(reader, job));
  if (record === null || !isFinalJobState(record.state)) {
    return complain("every job ends", `job ${job} is ${record?.state ?? "gone"}`);
  }
  if (record.state === "cancelled" && !wasCancelled) complain("cancelled is who was cancelled", `job ${job}`);
  const seated = world.invariants.seatedJob(job);
  if (record.seat === null || seated === null) return;
  const store = world.disk.open(seatStoreName(record.seat));
  const progress = store.read((reader) => readWorkerJob(reader, job));
  if (progress?.state !== record.state || progress.round !== record.round) {
    const detail = `job ${job}: ${record.state} in round ${record.round}, ${JSON.stringify(progress)}`;
    complain("the stores agree", detail);
  }
  if (JSON.stringify(progress?.tasks) !== JSON.stringify(record.tasks)) {
    complain(
      "the stores agree",
      `job ${job}: ${JSON.stringify(record.tasks)}, ${JSON.stringify(progress?.tasks)}`,
    );
  }
  judgeTasks(store, job, seated.version, wasCancelled, complain);
}

function judgeKeys({ disk, settings }: World, complain: Complain): void {
  const jobs = disk.open("manager").read((reader) => listJobs(reader, { limit: JOBS_MAX }));
  for (const { name, key } of settings.jobs) {
    const count = jobs.filter((job) => job.name === name).length;
    if (key !== null && count > 1) complain("one job for one key", `${count} jobs are called ${name}`);
  }
}

/** Nothing of it is left in the manager's store, nor in that of its seat. */
function judgePruned({ disk }: World, job: JobSeq, seat: SeatNumber | null, complain: Complain): void {
  const invariant = "nothing is left of what was pruned";
  const manager = disk.open("manager");
  if (manager.read((reader) => readPlanOfRound(reader, job, 1)) !== null)
    complain(invariant, `job ${job}: its plan`);
  if (manager.read((reader) => readEnvironment(reader, job)) !== null)
    complain(invariant, `job ${job}: its environment`);
  if (seat === null) return;
  const store = disk.open(seatStoreName(seat));
  if (store.read((reader) => readWorkerJob(reader, job)) !== null)
    complain(invariant, `job ${job}: its record in ${store.name}`);
  for (const table of [NOOP_ENDS, ...TASK_TABLES]) {
    const entries = store.read((reader) => [...reader.range(table, { ...keysUnder(job), limit: 1 })]);
    if (entries.length > 0) complain(invariant, `job ${job}: ${table} in ${store.name}`);
  }
}

function judgeTasks(
  store: SimStore,
  job: JobSeq,
  { tasks, failFast }: JobVersion,
  wasCancelled: boolean,
  complain: Complain,
): void {
  const finals = new Map<number, TaskRecord>();
  for (const task of tasks.keys()) {
    const record = store.read((reader) => readTask(reader, job, taskIndex(task)));
    if (record === null || !isFinal(stateCode(record.state))) {
      complain("one final record", `task ${job}/${task} is ${record?.state ?? "without record"}`);
    } else finals.set(task, record);
  }
  const isHalted = failFast && hasFailure(finals);
  for (const [task, script] of tasks.entries()) {
    const record = finals.get(task);
    if (record === undefined) continue;
    const name = `task ${job}/${task}`;
    const mayBeCancelled = wasCancelled || (isHalted && script.when === "success");
    if (record.state === "cancelled" && !mayBeCancelled) complain("cancelled is who was cancelled", name);
    judgeFate(name, fateOf(script, finals), record, complain);
    if (record.state === "failed") judgeFailure(name, script, record, complain);
    if (record.state !== "succeeded" || script.kind === "noop") continue;
    const id = { job, task: taskIndex(task), attempt: record.attempt };
    const output = store.read((reader) => readOutput(reader, { ...id, stream: STREAM_STDOUT }));
    const text = output?.type === "inline" ? Buffer.from(output.bytes).toString() : "nothing";
    if (text !== outputText(id, script)) complain("the output is the attempt's own", `${name}: ${text}`);
  }
}

/** Whether it ran or not depends on how the others ended, and not on the order. A cancel may come before that is known. */
function judgeFate(name: string, fate: Fate, { state, reason }: TaskRecord, complain: Complain): void {
  if (state === "cancelled") return;
  const found = state !== "skipped" ? "runs" : reason?.type === "notNeeded" ? "notNeeded" : "skipped";
  if (found !== fate)
    complain("skipped is who waits in vain", `${name} ${found}, by its dependencies it ${fate}`);
}

function judgeFailure(name: string, script: TaskScript, record: TaskRecord, complain: Complain): void {
  const { reason, failures } = record;
  const why = JSON.stringify(reason);
  switch (reason?.type) {
    case "lost":
      return;
    case "exited":
    case "timedOut":
    case "outputsMissing":
      if (failures !== script.retryLimit + 1)
        complain("failed is who used up its attempts", `${name}: ${failures}`);
      if (reason.type === "timedOut" && script.timeoutMs === null)
        complain("blame is deserved", `${name}: ${why}`);
      if (reason.type === "exited" && script.failures === 0) complain("blame is deserved", `${name}: ${why}`);
      if (reason.type === "outputsMissing" && script.forgets === 0)
        complain("blame is deserved", `${name}: ${why}`);
      return;
    default:
      complain("blame is deserved", `${name}: ${why}`);
  }
}
