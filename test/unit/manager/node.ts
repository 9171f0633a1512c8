/**
 * A node with a QManager's core and jobs that run tasks on it by the clock: each job is a fake QWorker's side of lending. What a
 * job is told reaches it after a delay of its own, it starts tasks within the loan that it knows, and tells what it holds.
 *
 * All jobs are in one seat; time goes in steps of STEP_MS.
 */
import { assert } from "../../../protocol/errors.ts";
import { jobSeq } from "../../../protocol/ids.ts";
import type { Resources } from "../../../protocol/resources.ts";
import {
  addResources,
  equalResources,
  fits,
  maxResources,
  NO_RESOURCES,
  subtractResources,
} from "../../../src/node/resources.ts";
import { Daemon, jobRecord } from "./daemon.ts";

export const STEP_MS = 50;

export interface JobSpec {
  readonly shape: Resources;
  readonly durationMs: number;
  /** Tasks that it has; Infinity never ends. */
  readonly tasks: number;
  readonly priority?: number;
  /** Steps until a loan that was sent has arrived. */
  readonly delaySteps?: number;
}

interface RunningJob {
  readonly number: number;
  readonly spec: JobSpec;
  readonly endsMs: number[];
  readonly inbox: { readonly atMs: number; readonly serial: number; readonly resources: Resources }[];
  left: number;
  loan: Resources;
  serial: number;
  told: { readonly serial: number; readonly resources: Resources };
  demandTold: number;
  /** Cpus × milliseconds that its tasks have had. */
  cpuMs: number;
  /** When it last had a task running. */
  ranAtMs: number;
}

export class Node {
  readonly daemon: Daemon;
  readonly capacity: Resources;
  readonly jobs: RunningJob[] = [];

  constructor(capacity: Resources) {
    this.capacity = capacity;
    this.daemon = new Daemon({ capacity, workersMax: 1 });
  }

  submit(spec: JobSpec): RunningJob {
    const number = this.jobs.length + 1;
    const job: RunningJob = {
      number,
      spec,
      endsMs: [],
      inbox: [],
      left: spec.tasks,
      loan: NO_RESOURCES,
      serial: 0,
      told: { serial: 0, resources: NO_RESOURCES },
      demandTold: 0,
      cpuMs: 0,
      ranAtMs: this.daemon.nowMs,
    };
    this.jobs.push(job);
    this.daemon.store(jobRecord(number, { priority: spec.priority ?? 0 }));
    if (number === 1) this.daemon.ready();
    return job;
  }

  run(durationMs: number, afterStep: () => void = () => undefined): void {
    for (let ms = 0; ms < durationMs; ms += STEP_MS) {
      for (const job of this.jobs) this.#step(job);
      this.#deliver();
      afterStep();
      this.daemon.pass(STEP_MS);
    }
  }

  running(job: RunningJob): Resources {
    return job.endsMs.reduce((sum) => addResources(sum, job.spec.shape), NO_RESOURCES);
  }

  runningTotal(): Resources {
    return this.jobs.reduce((sum, job) => addResources(sum, this.running(job)), NO_RESOURCES);
  }

  heldTotal(): Resources {
    return [...this.daemon.state.admitted.values()].reduce(
      (sum, { borrower }) => addResources(sum, borrower.held ?? NO_RESOURCES),
      NO_RESOURCES,
    );
  }

  #step(job: RunningJob): void {
    const { nowMs } = this.daemon;
    const { spec } = job;
    for (let first = job.inbox[0]; first !== undefined && first.atMs <= nowMs; first = job.inbox[0]) {
      job.inbox.shift();
      if (first.serial > job.serial) {
        job.serial = first.serial;
        job.loan = first.resources;
      }
    }
    const still = job.endsMs.filter((at) => at > nowMs);
    job.endsMs.splice(0, job.endsMs.length, ...still);
    let running = this.running(job);
    while (job.left > 0 && fits(addResources(running, spec.shape), job.loan)) {
      job.left -= 1;
      job.endsMs.push(nowMs + spec.durationMs);
      running = addResources(running, spec.shape);
    }
    job.cpuMs += (running.cpusMilli / 1000) * STEP_MS;
    if (job.endsMs.length > 0) job.ranAtMs = nowMs;
    this.#tell(job, running);
  }

  #tell(job: RunningJob, running: Resources): void {
    const wanted = Math.min(job.left + job.endsMs.length, this.#countMax(job.spec.shape));
    if (wanted !== job.demandTold) {
      job.demandTold = wanted;
      const demand = { priority: job.spec.priority ?? 0, resources: job.spec.shape, count: wanted };
      const classes = wanted === 0 ? [] : [demand];
      this.daemon.tell({ type: "demandSlots", job: jobSeq(job.number), classes });
    }
    const resources = maxResources(job.loan, running);
    if (job.told.serial === job.serial && equalResources(job.told.resources, resources)) return;
    job.told = { serial: job.serial, resources };
    this.daemon.tell({ type: "loanHeld", job: jobSeq(job.number), serial: job.serial, resources });
  }

  #countMax(shape: Resources): number {
    let count = 0;
    let left = this.capacity;
    while (fits(shape, left)) {
      left = subtractResources(left, shape);
      count += 1;
    }
    return count;
  }

  #deliver(): void {
    for (const { job: id, serial, resources } of this.daemon.commands("setLoan")) {
      const job = this.jobs[id - 1];
      assert(job !== undefined, "a loan is for a job of this node");
      const atMs = this.daemon.nowMs + (job.spec.delaySteps ?? 0) * STEP_MS;
      job.inbox.push({ atMs, serial, resources });
    }
    this.daemon.forget();
  }
}
