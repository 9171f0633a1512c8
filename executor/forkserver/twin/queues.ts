/**
 * The twin's jobs, and the queues in which attempts wait under their caps. What may start is handed to `start`.
 *
 * In the queue of a pool are only attempts of jobs that are not closing: what is sent for one that is waits aside, where it keeps
 * nobody else from starting.
 */
import type { JobSeq } from "../../../protocol/ids.ts";
import type { Attempt, Job } from "./attempt.ts";

/** Starts before the socket is looked at again: at 1 ms each a stop waits so long. */
const STARTS_PER_TURN = 4;

export class Queues {
  private readonly start: (job: Job, attempt: Attempt) => void;
  private readonly jobs = new Map<JobSeq, Job>();
  private readonly runnable = new Set<Job>();
  private startPlanned = false;

  constructor(start: (job: Job, attempt: Attempt) => void) {
    this.start = start;
  }

  find(id: JobSeq): Job | undefined {
    return this.jobs.get(id);
  }

  open(id: JobSeq): Job {
    let job = this.jobs.get(id);
    if (job === undefined) {
      job = {
        id,
        capMilli: 0,
        runningMilli: 0,
        queue: new Set(),
        context: null,
        running: 0,
        aside: new Set(),
        closing: null,
        reopened: false,
        suspended: false,
      };
      this.jobs.set(id, job);
    }
    return job;
  }

  add(job: Job, attempt: Attempt): void {
    if (job.closing !== null) job.aside.add(attempt);
    else this.poolOf(attempt).queue.add(attempt);
    this.kickPoolOf(attempt);
  }

  addFirst(job: Job, attempt: Attempt): void {
    if (job.closing !== null) {
      job.aside = new Set([attempt, ...job.aside]);
    } else {
      const pool = this.poolOf(attempt);
      pool.queue = new Set([attempt, ...pool.queue]);
    }
    this.kickPoolOf(attempt);
  }

  /** False: it did not wait. */
  remove(job: Job, attempt: Attempt): boolean {
    return this.poolOf(attempt).queue.delete(attempt) || job.aside.delete(attempt);
  }

  occupy(job: Job, { spawn }: Attempt, sign: 1 | -1): void {
    job.running += sign;
    this.open(spawn.pool).runningMilli += spawn.cpusMilli * sign;
  }

  /** Nothing of its round before lives any more. A job is not forgotten while attempts of others are in its queue or under its cap. */
  closed(job: Job, isUsed: boolean): void {
    job.closing = null;
    if (!job.reopened && !isUsed) this.jobs.delete(job.id);
    job.reopened = false;
    const waiting = job.aside;
    job.aside = new Set();
    for (const attempt of waiting) this.add(job, attempt);
  }

  /** The first of its pool's queue may start now. */
  kickPoolOf(attempt: Attempt): void {
    this.kick(this.poolOf(attempt));
  }

  kick(pool: Job): void {
    if (pool.queue.size > 0) this.runnable.add(pool);
    this.planStart();
  }

  private poolOf({ spawn }: Attempt): Job {
    return this.open(spawn.pool);
  }

  private planStart(): void {
    if (this.startPlanned || this.runnable.size === 0) return;
    this.startPlanned = true;
    setImmediate(() => this.startSome());
  }

  /** Pools take turns, so that one with a long queue does not keep the others waiting. */
  private startSome(): void {
    this.startPlanned = false;
    for (let starts = 0; starts < STARTS_PER_TURN; starts++) {
      const [pool] = this.runnable;
      if (pool === undefined) return;
      this.runnable.delete(pool);
      const [head] = pool.queue;
      if (head === undefined || pool.runningMilli + head.spawn.cpusMilli > pool.capMilli) continue;
      pool.queue.delete(head);
      this.start(this.open(head.spawn.key.job), head);
      if (pool.queue.size > 0) this.runnable.add(pool);
    }
    this.planStart();
  }
}
