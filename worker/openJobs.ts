/** The plans of the jobs that this QWorker has in hand: read from the manager's store, resolved attempt by attempt. */
import { QrewError } from "../protocol/errors.ts";
import type { AttemptSpec, JobContext } from "../protocol/executorLink.ts";
import type { JobSeq } from "../protocol/ids.ts";
import type { JobEnvironment, RunningTask } from "../protocol/workerLink.ts";
import { collectGarbageSoon } from "../src/node/collectGarbage.ts";
import { isScarcity } from "../src/node/scarcity.ts";
import { readEnvironment, readJob } from "../src/store/managerStore.ts";
import { readPlanOfRound } from "../src/store/plans.ts";
import type { Store, StoreReader } from "../src/store/port.ts";
import type { WorkerJobRecord } from "../src/store/workerRecords.ts";
import { listNoopEnds } from "../src/store/noopEnds.ts";
import { eachRow, readWorkerJob } from "../src/store/workerStore.ts";
import { decodePlan } from "../src/workflow/decodePlan.ts";
import type { Plan } from "../src/workflow/plan.ts";
import type { RunningAttempt, WorkerEffect, WorkerEvent } from "./core/events.ts";
import { classOf } from "./core/job.ts";
import type { RestoredRecord } from "./core/restore.ts";
import { openRound } from "./rounds.ts";
import { TransientMap } from "../src/transientMap.ts";

type JobToLoad = Pick<Extract<WorkerEffect, { type: "loadJob" }>, "job" | "round" | "priority">;

/** A job as the manager's store has it. */
interface StoredJob {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly environment: JobEnvironment;
  readonly planRound: number;
}

interface FoundJob {
  readonly stored: StoredJob;
  progress: WorkerJobRecord | null;
}

type FoundJobs = ReadonlyMap<JobSeq, FoundJob>;
const NONE_FOUND: FoundJobs = new Map();

function readStored(reader: StoreReader, job: JobSeq, round: number): StoredJob | null {
  const planRound = round === 1 ? 1 : (readJob(reader, job)?.planRound ?? 1);
  const bytes = readPlanOfRound(reader, job, planRound);
  const environment = readEnvironment(reader, job);
  return bytes === null || environment === null ? null : { bytes, environment, planRound };
}

interface OpenJob {
  readonly plan: Plan;
  readonly environment: JobEnvironment;
}

/** What such a job has held, 20 to 80 bytes a task, is given back when it is over. */
const LARGE_JOB_TASKS = 100_000;

export class OpenJobs {
  readonly #managerStore: Store;
  readonly #store: Store;
  /** Of the seat: a new round is written under it. */
  readonly #epoch: number;
  readonly #jobs = new TransientMap<JobSeq, OpenJob>();

  constructor(managerStore: Store, store: Store, epoch: number) {
    this.#managerStore = managerStore;
    this.#store = store;
    this.#epoch = epoch;
  }

  /**
   * Reads plan, environment and what earlier holders of the seat have recorded, and opens the round where it is new. Null: not now, since
   * something is short, or the disk is full. Throws `fenced`.
   */
  load({ job, round, priority }: JobToLoad, found: FoundJobs): WorkerEvent | null {
    try {
      const open =
        found.get(job)?.stored ?? this.#managerStore.read((reader) => readStored(reader, job, round));
      if (open === null) throw new QrewError("storeDamaged", "its plan is not in the manager's store");
      const { planRound, environment } = open;
      const plan = decodePlan(open.bytes);
      this.#jobs.set(job, { plan, environment });
      const progress = found.has(job)
        ? (found.get(job)?.progress ?? null)
        : this.#progress(job, round, plan, planRound);
      const records = progress === null ? [] : this.#records(job);
      const { graph } = plan;
      return { type: "jobLoaded", job, round, planRound, priority, graph, progress, records };
    } catch (error) {
      const { code, message } = QrewError.from(error);
      if (code === "fenced") throw error;
      if (code === "storeFull" || isScarcity(error)) return null;
      return { type: "jobLoadFailed", job, detail: message };
    }
  }

  /** Of those that are in their first round, what both stores have, in one look at each. `load` looks by itself for what is not in it. */
  find(asked: readonly JobToLoad[]): FoundJobs {
    const firsts = asked.filter(({ round }) => round === 1);
    if (firsts.length < 2) return NONE_FOUND;
    try {
      const found = new Map<JobSeq, FoundJob>();
      this.#managerStore.read((reader) => {
        for (const { job, round } of firsts) {
          const stored = readStored(reader, job, round);
          if (stored !== null) found.set(job, { stored, progress: null });
        }
      });
      this.#store.read((reader) => {
        for (const [job, entry] of found) entry.progress = readWorkerJob(reader, job);
      });
      return found;
    } catch {
      // It is found again, and said, when the one is loaded that it is of.
      return NONE_FOUND;
    }
  }

  /** What is on record of this round; opened from the one before where that has ended. Null for a job that is new. */
  #progress(job: JobSeq, round: number, plan: Plan, planRound: number): WorkerJobRecord | null {
    const progress = this.#store.read((reader) => readWorkerJob(reader, job));
    if (progress === null || progress.round >= round) return progress;
    const before = progress.planRound === planRound ? plan : this.#planOfRound(job, progress.planRound);
    return openRound(this.#store, this.#epoch, progress, { round, planRound, plan, before });
  }

  #planOfRound(job: JobSeq, round: number): Plan {
    const bytes = this.#managerStore.read((reader) => readPlanOfRound(reader, job, round));
    if (bytes === null)
      throw new QrewError("storeDamaged", `the plan of its round ${round} is not in the manager's store`);
    return decodePlan(bytes);
  }

  *#records(job: JobSeq): Generator<RestoredRecord> {
    yield* this.#store.read((reader) => [...listNoopEnds(reader, job)]);
    for (const { task, record } of eachRow(this.#store, job)) yield [task, record];
  }

  forget(job: JobSeq): void {
    const tasks = this.#jobs.get(job)?.plan.graph.taskCount ?? 0;
    this.#jobs.delete(job);
    if (tasks >= LARGE_JOB_TASKS) collectGarbageSoon();
  }

  context(job: JobSeq): JobContext {
    const { environment } = this.#open(job);
    return {
      job,
      env: environment.env,
      directory: environment.directory,
      umask: environment.umask,
    };
  }

  spec(id: Extract<WorkerEffect, { type: "runAttempt" }>): AttemptSpec {
    const { plan } = this.#open(id.job);
    const taskClass = classOf(plan.graph, id.task);
    const { job, task, attempt } = id;
    const body = plan.resolve(id.task);
    return {
      kind: "shell",
      job,
      task,
      attempt,
      name: body.name,
      cpusMilli: taskClass.resources.cpusMilli,
      isPooled: id.isPooled,
      command: typeof body.command === "string" ? body.command : [...body.command],
      env: body.env,
      stdin: body.stdin,
      workdir: body.workdir,
      files: body.files === null ? null : { ...body.files, outputs: [...body.files.outputs] },
      after: id.after,
    };
  }

  named(job: JobSeq, running: readonly RunningAttempt[]): RunningTask[] {
    const { plan } = this.#open(job);
    return running.map(({ task, attempt, startedAtMs }) => ({
      name: plan.taskName(task),
      attempt,
      startedAtMs,
    }));
  }

  #open(job: JobSeq): OpenJob {
    const open = this.#jobs.get(job);
    if (open === undefined) throw new QrewError("internal", `job ${job} is not open in this QWorker`);
    return open;
  }
}
