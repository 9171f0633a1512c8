/**
 * What the stores say of the jobs, followed transaction by transaction, as a reader outside would see it: whose job it is, its
 * round, and the ends that are on record in that round.
 */
import {
  type JobSeq,
  jobSeq,
  type SeatNumber,
  seatStoreName,
  type TaskIndex,
  taskIndex,
} from "../../protocol/ids.ts";
import { keyPart } from "../../src/store/keys.ts";
import { listJobs, readJob } from "../../src/store/managerStore.ts";
import { readPlanOfRound } from "../../src/store/plans.ts";
import { decodeTask } from "../../src/store/taskCodec.ts";
import { decodeNoopEnds, NOOP_ENDS } from "../../src/store/noopEnds.ts";
import { noopRecord, type TaskRecord } from "../../src/store/workerRecords.ts";
import { eachTask, readWorkerJob } from "../../src/store/workerStore.ts";
import { isFinal, stateCode } from "../../worker/core/taskStates.ts";
import type { Change, SimStore } from "./disk.ts";
import { keptEnds } from "./rounds.ts";
import { type JobVersion, versionsOf } from "./scripts.ts";
import type { SeatedJob } from "./seatedJob.ts";
import type { World } from "./world.ts";

/** More jobs than a simulation has. */
export const JOBS_MAX = 1000;

interface RecordHandlers {
  readonly complain: (invariant: string, detail: string) => void;
  /** One record of a task in the job's round, which is not the end that it had already. */
  readonly onTask: (job: SeatedJob, task: TaskIndex, record: TaskRecord) => void;
}

/** Task records by task, as a transaction leaves them; null: deleted. */
type TaskChanges = Map<number, TaskRecord | null>;

export class Records {
  readonly #world: World;
  readonly #handlers: RecordHandlers;
  #jobs = new Map<JobSeq, SeatedJob>();

  constructor(world: World, handlers: RecordHandlers) {
    this.#world = world;
    this.#handlers = handlers;
  }

  get(job: JobSeq): SeatedJob | null {
    return this.#jobs.get(job) ?? null;
  }

  /** The stores are as a power cut has left them. */
  reload(): void {
    this.#jobs = new Map();
    for (const record of this.#manager().read((reader) => listJobs(reader, { limit: JOBS_MAX }))) {
      if (record.seat !== null) this.#seat(record.job, record.seat);
    }
  }

  onCommit(store: SimStore, changes: readonly Change[]): void {
    if (store.name === "manager") return this.#onManagerCommit(changes);
    const jobs = new Set<JobSeq>();
    const tasks = new Map<JobSeq, TaskChanges>();
    for (const { table, key, after } of changes) {
      if (table === "meta") continue;
      const job = jobSeq(keyPart(table, key, 0));
      // Job 0 is where tasks lie while they get new numbers.
      if (job === 0 || !this.#isWriter(store, job, table, after)) continue;
      if (table === "jobs" && after !== undefined) jobs.add(job);
      let known = tasks.get(job);
      if (known === undefined) tasks.set(job, (known = new Map()));
      addRecords(known, table, key, after);
    }
    const opened = new Set([...jobs].filter((job) => this.#opensRound(store, job)));
    for (const [job, changed] of tasks) if (!opened.has(job)) this.#onTasks(job, changed);
  }

  #manager(): SimStore {
    return this.#world.disk.open("manager");
  }

  #onManagerCommit(changes: readonly Change[]): void {
    for (const { table, key, after } of changes) {
      if (table !== "jobs") continue;
      const job = jobSeq(keyPart(table, key, 0));
      const seat =
        after === undefined ? null : (this.#manager().read((reader) => readJob(reader, job))?.seat ?? null);
      const known = this.#jobs.get(job);
      if (after === undefined) this.#jobs.delete(job);
      else if (seat !== null && known === undefined) this.#seat(job, seat);
      else if (known !== undefined && known.seat !== seat) {
        this.#handlers.complain(
          "a job keeps its seat",
          `job ${job} goes from ${known.seat} to ${seat ?? "none"}`,
        );
      }
    }
  }

  /** What the seat's store has of it already is of a time before a power cut, and counts. */
  #seat(job: JobSeq, seat: SeatNumber): void {
    const store = this.#world.disk.open(seatStoreName(seat));
    const record = store.read((reader) => readWorkerJob(reader, job));
    const version = this.#versionOf(job, record?.planRound ?? 1);
    if (version === null) return;
    const finals = record === null ? new Map<number, TaskRecord>() : finalsIn(store, job);
    this.#jobs.set(job, { job, seat, round: record?.round ?? 0, version, finals });
  }

  /** The document of the plan that came with a round. */
  #versionOf(job: JobSeq, planRound: number): JobVersion | null {
    const script = this.#world.scriptOfJob(job);
    if (script === null || planRound === 1) return script?.first ?? null;
    const plan = this.#manager().read((reader) => readPlanOfRound(reader, job, planRound));
    if (plan === null) return null;
    return versionsOf(script).find((version) => Buffer.compare(version.plan, plan) === 0) ?? null;
  }

  /** Others may only delete what they have of it. */
  #isWriter(store: SimStore, job: JobSeq, table: string, after: Change["after"]): boolean {
    const seated = this.#jobs.get(job);
    if (seated !== undefined && store.name === seatStoreName(seated.seat)) return true;
    const whose = seated === undefined ? "nobody's" : `of seat ${seated.seat}`;
    const detail = `${store.name} writes of job ${job} in ${table}, which is ${whose}`;
    if (after !== undefined) this.#handlers.complain("only its seat writes of a job", detail);
    return false;
  }

  #opensRound(store: SimStore, id: JobSeq): boolean {
    const job = this.#jobs.get(id);
    const record = store.read((reader) => readWorkerJob(reader, id));
    if (job === undefined || record === null || record.round === job.round) return false;
    const version = this.#versionOf(id, record.planRound);
    if (record.round < job.round || version === null) {
      this.#handlers.complain(
        "rounds follow each other",
        `job ${id} goes from ${job.round} to ${record.round}`,
      );
      return false;
    }
    const before = job.round;
    const expected =
      before === 0 ? new Map<number, TaskRecord>() : keptEnds(job.version, job.finals, version);
    job.round = record.round;
    job.version = version;
    if (before === 0) return false;
    job.finals = finalsIn(store, id);
    const described = [expected, job.finals].map(describeEnds);
    if (described[0] !== described[1]) {
      const detail = `job ${id} round ${record.round} keeps ${described[1]}, should keep ${described[0]}`;
      this.#handlers.complain("a round keeps what is the same", detail);
    }
    return true;
  }

  #onTasks(id: JobSeq, changes: TaskChanges): void {
    const job = this.#jobs.get(id);
    if (job === undefined) return;
    for (const [task, record] of changes) {
      const before = job.finals.get(task);
      const isSame = record !== null && record.state === before?.state && record.attempt === before.attempt;
      if (before !== undefined && !isSame) {
        const next = record === null ? "no record" : `${record.state} in attempt ${record.attempt}`;
        const detail = `${id}/${task} ${before.state} in attempt ${before.attempt}, then ${next}`;
        this.#handlers.complain("one final record for each task and round", detail);
      }
      if (record === null || isSame) continue;
      if (isFinal(stateCode(record.state))) job.finals.set(task, record);
      this.#handlers.onTask(job, taskIndex(task), record);
    }
  }
}

/** Ends of noops that came together count, whatever the table of tasks says; a round that is opened takes them apart. */
function addRecords(changes: TaskChanges, table: string, key: Uint8Array, after: Change["after"]): void {
  if (table === "tasks") {
    const record = after === undefined ? null : decodeTask(after, { table, key });
    changes.set(keyPart(table, key, 1), record);
  } else if (table === NOOP_ENDS && after !== undefined) {
    const ends = decodeNoopEnds(after, { table, key });
    for (const [index, task] of ends.tasks.entries()) changes.set(task, noopRecord(ends, index));
  }
}

function finalsIn(store: SimStore, job: JobSeq): Map<number, TaskRecord> {
  const finals = new Map<number, TaskRecord>();
  for (const { task, record } of eachTask(store, job)) {
    if (isFinal(stateCode(record.state))) finals.set(task, record);
  }
  return finals;
}

const describeEnds = (ends: ReadonlyMap<number, TaskRecord>): string =>
  [...ends]
    .toSorted(([a], [b]) => a - b)
    .map(([task, { state, attempt }]) => `${task} ${state} ${attempt}`)
    .join(", ") || "nothing";
