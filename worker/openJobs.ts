/** The plans of the jobs that this QWorker has in hand: read from the manager's store, resolved attempt by attempt. */
import { QrewError } from "../protocol/errors.ts";
import type { AttemptSpec, JobContext } from "../protocol/executorLink.ts";
import type { AttemptId, JobSeq } from "../protocol/ids.ts";
import type { JobEnvironment, RunningTask } from "../protocol/workerLink.ts";
import { readEnvironment } from "../src/store/managerStore.ts";
import { readPlan } from "../src/store/plans.ts";
import type { Store } from "../src/store/port.ts";
import type { TaskRecord } from "../src/store/workerRecords.ts";
import { eachTask, readWorkerJob } from "../src/store/workerStore.ts";
import { decodePlan } from "../src/workflow/decodePlan.ts";
import type { Plan } from "../src/workflow/plan.ts";
import type { RunningAttempt, WorkerEvent } from "./core/events.ts";
import { classOf } from "./core/job.ts";

interface OpenJob {
  readonly plan: Plan;
  readonly environment: JobEnvironment;
}

export class OpenJobs {
  readonly #managerStore: Store;
  readonly #store: Store;
  readonly #jobs = new Map<JobSeq, OpenJob>();

  constructor(managerStore: Store, store: Store) {
    this.#managerStore = managerStore;
    this.#store = store;
  }

  /** Reads plan, environment and what earlier holders of the seat have recorded. */
  load(job: JobSeq, round: number, priority: number): WorkerEvent {
    try {
      const open = this.#managerStore.read((reader) => {
        const bytes = readPlan(reader, job);
        const environment = readEnvironment(reader, job);
        return bytes === null || environment === null ? null : { bytes, environment };
      });
      if (open === null) throw new QrewError("storeDamaged", "its plan is not in the manager's store");
      const plan = decodePlan(open.bytes);
      this.#jobs.set(job, { plan, environment: open.environment });
      const progress = this.#store.read((reader) => readWorkerJob(reader, job));
      const records = progress === null ? [] : this.#records(job);
      return { type: "jobLoaded", job, round, priority, graph: plan.graph, progress, records };
    } catch (error) {
      return { type: "jobLoadFailed", job, detail: QrewError.from(error).message };
    }
  }

  *#records(job: JobSeq): Generator<readonly [task: number, record: TaskRecord]> {
    for (const { task, record } of eachTask(this.#store, job)) yield [task, record];
  }

  forget(job: JobSeq): void {
    this.#jobs.delete(job);
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

  spec(id: AttemptId): AttemptSpec {
    const { plan } = this.#open(id.job);
    const taskClass = classOf(plan.graph, id.task);
    const { job, task, attempt } = id;
    if (taskClass.executor === "noop") return { kind: "noop", job, task, attempt };
    const body = plan.resolve(id.task);
    return {
      kind: "shell",
      job,
      task,
      attempt,
      name: body.name,
      cpusMilli: taskClass.resources.cpusMilli,
      command: typeof body.command === "string" ? body.command : [...body.command],
      env: { ...body.env },
      stdin: body.stdin,
      workdir: body.workdir,
      files: body.files === null ? null : { ...body.files, outputs: [...body.files.outputs] },
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
