/** What QWorkers tell: who is ready, what jobs need and hold, how they go and end. */
import { assertNever } from "../../protocol/errors.ts";
import { COMMON_POOL, type SeatNumber } from "../../protocol/ids.ts";
import type { WorkerFact } from "../../protocol/workerLink.ts";
import { Lease } from "../../src/lease.ts";
import { minResources, NO_RESOURCES } from "../../src/node/resources.ts";
import type { ManagerEvent } from "./events.ts";
import { forgetToldDeletions, onJobDeleted } from "./deletions.ts";
import { isInvolved } from "./lending.ts";
import { borrowerOf, poolOf } from "./pools.ts";
import { onJobFinished, onJobProgressed, onJobRefused } from "./queue.ts";
import { onJobParked } from "./parking.ts";
import { jobsOf } from "./seats.ts";
import { drainSeat, onDrained, onStatus } from "./service.ts";
import type { Account, Seat } from "./state.ts";
import type { Turn } from "./turn.ts";

type WorkerReady = Extract<WorkerFact, { type: "workerReady" }>;

export function onWorkerFact(turn: Turn, event: Extract<ManagerEvent, { type: "workerTold" }>): void {
  const seat = turn.state.seats.get(event.seat);
  if (seat === undefined || seat.type === "absent" || seat.epoch !== event.epoch) return;
  const { fact } = event;
  // What was said to an earlier manager, or to an earlier connection: all of it is told again after the greeting.
  const isGreeted = seat.type === "ready" || seat.type === "leaving";
  if (seat.type === "ready") seat.lease.heard(turn.clock.monoMs);
  if (!isGreeted && fact.type !== "workerReady") return;
  switch (fact.type) {
    case "workerReady":
      return onWorkerReady(turn, seat, fact);
    case "demandSlots": {
      const borrower = borrowerOf(turn, event.seat, fact.job);
      if (borrower === null) return;
      borrower.demand = fact.classes;
      turn.state.lending.stale = true;
      return;
    }
    case "loanHeld": {
      const borrower = borrowerOf(turn, event.seat, fact.job);
      if (borrower === null || fact.serial !== borrower.serial) return;
      // What is lent bounds what can run; where the fact says more, it counts what has ended just now.
      borrower.held = borrower.held === null ? fact.resources : minResources(borrower.held, fact.resources);
      borrower.certain = true;
      turn.state.lending.stale = true;
      return;
    }
    case "loanReturned":
      return onLoanReturned(turn, event.seat, fact);
    case "jobProgressed":
      return onJobProgressed(turn, event.seat, fact.report);
    case "jobFinished":
      return onJobFinished(turn, event.seat, fact);
    case "jobParked":
      return onJobParked(turn, event.seat, fact.report, fact.untilMs);
    case "jobRefused":
      return onJobRefused(turn, event.seat, fact.job, fact.detail);
    case "jobDeleted":
      return onJobDeleted(turn, fact.job);
    case "alive":
      return;
    case "drained":
      return onDrained(turn, event.seat);
    case "status":
      return onStatus(turn, event.seat, fact);
    default:
      assertNever(fact);
  }
}

/** Of a round that has ended; of an earlier one it comes late. */
function onLoanReturned(
  turn: Turn,
  seat: SeatNumber,
  fact: Extract<WorkerFact, { type: "loanReturned" }>,
): void {
  const job = turn.state.admitted.get(fact.job);
  if (job === undefined || job.record.seat !== seat || job.record.round !== fact.round) return;
  const { borrower } = job;
  borrower.demand = [];
  borrower.held = NO_RESOURCES;
  borrower.certain = true;
  borrower.granted = NO_RESOURCES;
  turn.state.lending.stale = true;
}

/** The QWorker serves: its loans are taken over as it tells them, its jobs are told to it again. */
function onWorkerReady(turn: Turn, seat: Seat, fact: WorkerReady): void {
  if (seat.type === "absent" || seat.type === "leaving") return;
  const sinceMs = turn.clock.monoMs;
  const { epoch } = seat;
  const ready = {
    type: "ready",
    seat: seat.seat,
    epoch,
    pid: fact.pid,
    sinceMs,
    failures: seat.failures,
    lease: new Lease(turn.state.options.leaseMs, sinceMs),
    idleSinceMs: null,
    drained: false,
  } as const;
  turn.state.seats.set(seat.seat, { ...ready });
  const loans = new Map(fact.loans.map((loan) => [loan.job, loan]));
  takeOverPool(turn, seat.seat, loans.get(COMMON_POOL));
  for (const job of jobsOf(turn, seat.seat)) {
    job.assigned = false;
    takeOver(job, loans.get(job.record.job));
  }
  forgetToldDeletions(turn, seat.seat);
  for (const report of fact.jobs) onJobProgressed(turn, seat.seat, report);
  if (turn.state.stopping !== null) drainSeat(turn, seat.seat, turn.state.stopping.now);
  turn.state.lending.stale = true;
}

function takeOver(account: Account, loan: WorkerReady["loans"][number] | undefined): void {
  const { borrower } = account;
  borrower.serial = Math.max(borrower.serial, loan?.serial ?? 0);
  // What the ledger says for certain holds on: a successor in the seat knows less than was promised to its predecessor.
  if (loan !== undefined && (loan.inForce || !borrower.certain)) {
    borrower.held = loan.resources;
    borrower.certain = loan.inForce;
  }
  account.loanUntold = true;
  // The next division sends everybody a loan under a new serial; the answer says what is held.
  borrower.granted = NO_RESOURCES;
}

/** The QWorker begins with a demand of nothing as well; each of its jobs that is assigned adds to it. */
function takeOverPool(
  { state }: Turn,
  seat: SeatNumber,
  loan: WorkerReady["loans"][number] | undefined,
): void {
  if (loan === undefined && !state.pools.has(seat)) return;
  const pool = poolOf(state, seat);
  const { borrower } = pool;
  borrower.demand = [];
  takeOver(pool, loan);
  const isUnused = borrower.certain && borrower.serial === 0 && !isInvolved(borrower);
  if (isUnused) state.pools.delete(seat);
}

/** Jobs of a seat that can never be filled again fail, and say why: they must not hold back the others for ever. */
export function failDamaged(turn: Turn): void {
  for (const seat of turn.state.seats.values()) {
    if (seat.type !== "absent" || seat.damage === null) continue;
    turn.state.pools.delete(seat.seat);
    for (const { record } of jobsOf(turn, seat.seat)) onJobRefused(turn, seat.seat, record.job, seat.damage);
  }
}
