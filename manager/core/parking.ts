/**
 * Jobs that only wait are parked: their state is in their seat's store, no QWorker has them in hand, and they take no place.
 * A job in a long backoff comes back when it is due, a paused one when it is resumed, each to be cancelled.
 */
import type { SeatNumber } from "../../protocol/ids.ts";
import type { JobReport } from "../../protocol/workerLink.ts";
import { NO_RESOURCES } from "../../src/node/resources.ts";
import { queueJob } from "./admission.ts";
import type { LiveJob } from "./state.ts";
import { type Turn, updateJob, wakeAt } from "./turn.ts";

/** Puts a job away as its record says: `parked` is not null. */
export function park(turn: Turn, job: LiveJob): void {
  const { state } = turn;
  const { record } = job;
  state.admitted.delete(record.job);
  state.parked.set(record.job, job);
  job.running = [];
  job.assigned = false;
  job.borrower.demand = [];
  job.borrower.held = NO_RESOURCES;
  job.borrower.certain = true;
  job.borrower.granted = NO_RESOURCES;
  state.lending.stale = true;
}

/** When it goes on by itself, on the wall clock, as its tasks' repetitions are on record; null while it is paused. */
export const dueAtMs = ({ record }: LiveJob): number | null =>
  record.pause === "off" ? (record.parked?.untilMs ?? 0) : null;

export function onJobParked(turn: Turn, seat: SeatNumber, report: JobReport, untilMs: number | null): void {
  const job = turn.state.admitted.get(report.job);
  if (job === undefined || job.record.seat !== seat || job.record.round !== report.round) return;
  job.reportSeq = Math.max(job.reportSeq, report.seq);
  // Where a cancel has crossed this, it is due at once.
  const due = job.record.cancelRequested;
  updateJob(turn, job, { parked: { untilMs: due ? null : untilMs }, tasks: report.tasks });
  if (due) unpark(turn, job);
  else park(turn, job);
}

/** It waits for a place at its seat from now on. Its record says so when it has one. */
export function unpark(turn: Turn, job: LiveJob): void {
  const { state } = turn;
  state.parked.delete(job.record.job);
  state.admitted.delete(job.record.job);
  job.assigned = false;
  job.borrower.demand = [];
  job.borrower.held = NO_RESOURCES;
  job.borrower.certain = true;
  queueJob(state.queue, job);
}

/** Those whose time has come join the queue. */
export function tendParked(turn: Turn): void {
  const { state, clock } = turn;
  if (state.stopping !== null) return;
  let nextMs = Number.POSITIVE_INFINITY;
  for (const job of state.parked.values()) {
    const dueMs = dueAtMs(job);
    if (dueMs === null) continue;
    if (dueMs <= clock.wallMs) unpark(turn, job);
    else nextMs = Math.min(nextMs, dueMs);
  }
  if (nextMs < Number.POSITIVE_INFINITY) wakeAt(turn, clock.monoMs + nextMs - clock.wallMs);
}
