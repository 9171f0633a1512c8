/** The queue of jobs: what waits for a QWorker, who gets it, and how it ends. */
import type { JobState } from "../../protocol/fields.ts";
import type { JobSeq, SeatNumber } from "../../protocol/ids.ts";
import type { JobReport, WorkerFact } from "../../protocol/workerLink.ts";
import type { JobRecord } from "../../src/store/managerRecords.ts";
import type { ClientId } from "./events.ts";
import { queueJob, seatJob, unqueueJob } from "./admission.ts";
import { type Borrower, isInvolved, newBorrower, uncertain } from "./lending.ts";
import { park, unpark } from "./parking.ts";
import { joinPool } from "./pools.ts";
import type { LiveJob } from "./state.ts";
import { refuse, replyFlushed, type Turn, updateJob } from "./turn.ts";

/**
 * A job from the store or just accepted joins the live ones. What a running one holds is unknown until its QWorker says it, unless it is
 * new and has its place from the start.
 */
export function enqueue(turn: Turn, record: JobRecord, isNew = false): LiveJob {
  const { state } = turn;
  const borrower = newBorrower(record.job, state.lending.floor);
  const job: LiveJob = {
    record,
    borrower: isNew || record.state === "queued" || record.parked !== null ? borrower : uncertain(borrower),
    isPooled: false,
    endIsDurable: false,
    reportSeq: -1,
    running: [],
    isRoundFlushed: true,
    assigned: false,
    cancelTold: false,
    pauseTold: record.pause,
    loanUntold: true,
  };
  state.jobs.set(record.job, job);
  if (isNew && record.seat !== null) seatJob(turn, job, record.seat);
  else if (record.parked !== null && record.cancelRequested) unpark(turn, job);
  else if (record.parked !== null) park(turn, job);
  else if (record.seat === null || record.state === "queued") queueJob(state.queue, job);
  else state.admitted.set(record.job, job);
  return job;
}

/** The admitted jobs, and the pools; of the jobs in a pool those that, against expectation, want or may hold something themselves. */
export function borrowersOf({ state }: Turn): Borrower[] {
  const borrowers: Borrower[] = [];
  for (const { borrower } of state.pools.values()) borrowers.push(borrower);
  for (const { isPooled, borrower } of state.admitted.values()) {
    if (!isPooled || isInvolved(borrower)) borrowers.push(borrower);
  }
  return borrowers;
}

/** Tells QWorkers of jobs that they have not been told of: after admission, and after a restart of either side. */
export function assignJobs(turn: Turn): void {
  for (const job of turn.state.admitted.values()) {
    const { record } = job;
    if (record.seat === null || !job.isRoundFlushed || !isReady(turn, record.seat)) continue;
    if (!job.assigned) {
      job.assigned = true;
      job.cancelTold = false;
      job.pauseTold = record.pause;
      const { job: id, round, priority, pause } = record;
      const { isPooled } = job;
      const demand = [...job.borrower.demand];
      if (isPooled) joinPool(turn, record.seat);
      const command = { type: "assignJob", job: id, round, priority, pause, demand, isPooled } as const;
      turn.effects.push({ type: "tellWorker", seat: record.seat, command });
    }
    if (record.cancelRequested && !job.cancelTold) {
      job.cancelTold = true;
      const command = { type: "cancelJob", job: record.job } as const;
      turn.effects.push({ type: "tellWorker", seat: record.seat, command });
    } else if (job.pauseTold !== record.pause) {
      job.pauseTold = record.pause;
      const command = { type: "setPause", job: record.job, pause: record.pause } as const;
      turn.effects.push({ type: "tellWorker", seat: record.seat, command });
    }
  }
}

const isReady = (turn: Turn, seat: SeatNumber): boolean => turn.state.seats.get(seat)?.type === "ready";

/** Refuses the whole request if one of the jobs was never there. */
export function isUnknownRefused(
  turn: Turn,
  client: ClientId,
  request: number,
  jobs: readonly JobSeq[],
): boolean {
  const unknown = jobs.find((id) => id === 0 || id >= turn.state.nextJob);
  if (unknown === undefined) return false;
  const message = `There is no job ${unknown}; \`qrew jobs\` lists those that there are.`;
  refuse(turn, client, request, "notFound", message);
  return true;
}

export function onCancelJobs(turn: Turn, client: ClientId, request: number, jobs: readonly JobSeq[]): void {
  if (isUnknownRefused(turn, client, request, jobs)) return;
  const accepted: JobSeq[] = [];
  for (const id of jobs) {
    const job = turn.state.jobs.get(id);
    // It has ended.
    if (job === undefined) continue;
    accepted.push(id);
    if (job.record.cancelRequested) continue;
    if (job.record.seat === null) cancelQueued(turn, job);
    else cancelSeated(turn, job);
  }
  replyFlushed(turn, client, { type: "cancelAccepted", request, jobs: accepted });
}

/** No QWorker knows of it: it ends here. */
function cancelQueued(turn: Turn, job: LiveJob): void {
  const { total } = job.record.tasks;
  const tasks = { ...job.record.tasks, waiting: 0, cancelled: total };
  endJob(turn, job, "cancelled", { tasks, cancelRequested: true }, turn.clock.wallMs);
}

/** Its QWorker has to end it; one that is parked or waits comes first in the queue. */
function cancelSeated(turn: Turn, job: LiveJob): void {
  const { state } = turn;
  const isWaiting = unqueueJob(state.queue, job) || state.parked.has(job.record.job);
  updateJob(turn, job, { cancelRequested: true });
  if (isWaiting) unpark(turn, job);
}

export function onJobProgressed(turn: Turn, seat: SeatNumber, report: JobReport): void {
  const job = turn.state.jobs.get(report.job);
  if (
    job === undefined ||
    job.record.seat !== seat ||
    report.round !== job.record.round ||
    report.seq <= job.reportSeq
  )
    return;
  job.reportSeq = report.seq;
  // Not written: the seat's store has the fresher figures, and the next manager asks its QWorker.
  job.record = { ...job.record, tasks: report.tasks };
  job.running = report.running;
  job.isPooled = report.isPooled;
  turn.state.changed.add(job);
}

export function onJobFinished(
  turn: Turn,
  seat: SeatNumber,
  { report, finishedAtMs, detail }: Extract<WorkerFact, { type: "jobFinished" }>,
): void {
  const job = turn.state.jobs.get(report.job);
  if (job !== undefined && job.record.seat === seat && job.record.round === report.round) {
    // Its QWorker says so when it is flushed there: a manager that forgets it is told again.
    job.endIsDurable = true;
    endJob(turn, job, report.state, { tasks: report.tasks, detail }, finishedAtMs);
  }
  turn.effects.push({ type: "tellWorker", seat, command: { type: "releaseJob", job: report.job } });
}

/** The QWorker cannot open the job: it fails as a whole. */
export function onJobRefused(turn: Turn, seat: SeatNumber, id: JobSeq, detail: string): void {
  const job = turn.state.jobs.get(id);
  if (job === undefined || job.record.seat !== seat) return;
  const { waiting, ready, running, backoff, ...ended } = job.record.tasks;
  const failed = ended.failed + waiting + ready + running + backoff;
  const tasks = { ...ended, waiting: 0, ready: 0, running: 0, backoff: 0, failed };
  endJob(turn, job, "failed", { tasks, detail }, turn.clock.wallMs);
}

function endJob(
  turn: Turn,
  job: LiveJob,
  state: JobState,
  change: Partial<JobRecord>,
  finishedAtMs: number,
): void {
  job.running = [];
  updateJob(turn, job, { pause: "off", parked: null, ...change, state, finishedAtMs });
  const { jobs, admitted, parked, queue } = turn.state;
  const { job: id } = job.record;
  jobs.delete(id);
  if (!admitted.delete(id) && !parked.delete(id)) unqueueJob(queue, job);
  turn.state.lending.stale = true;
}
