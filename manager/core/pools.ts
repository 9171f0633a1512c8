/**
 * The common pools: jobs of one ordinary task borrow together, one loan for each seat, instead of each for itself. The QWorker
 * knows which jobs are in its pool, by their plans; what is assumed here before it has said so only saves a round trip.
 */
import { COMMON_POOL, type JobSeq, type SeatNumber } from "../../protocol/ids.ts";
import type { Resources } from "../../protocol/resources.ts";
import { countWithin, NO_RESOURCES, ONE_CPU } from "../../src/node/resources.ts";
import { type Borrower, newBorrower } from "./lending.ts";
import type { Account, LiveJob, ManagerState } from "./state.ts";
import type { Turn } from "./turn.ts";

export function poolOf(state: ManagerState, seat: SeatNumber): Account {
  const known = state.pools.get(seat);
  if (known !== undefined) return known;
  const pool = { borrower: newBorrower(COMMON_POOL, state.lending.floor), loanUntold: true };
  state.pools.set(seat, pool);
  return pool;
}

/** Whom a QWorker means by the number of a job, or of its pool. */
export function borrowerOf({ state }: Turn, seat: SeatNumber, id: JobSeq): Borrower | null {
  if (id === COMMON_POOL) return poolOf(state, seat).borrower;
  const job = state.admitted.get(id);
  return job?.record.seat === seat ? job.borrower : null;
}

/** One job more asks for a cpu, so that the loan goes out with it. */
export function joinPool({ state }: Turn, seat: SeatNumber): void {
  const { borrower } = poolOf(state, seat);
  const [wanted] = borrower.demand;
  if (wanted === undefined) {
    borrower.usage = Math.max(borrower.usage, state.lending.floor);
    borrower.standing = borrower.usage;
  }
  const count = Math.min((wanted?.count ?? 0) + 1, countWithin(ONE_CPU, state.options.capacity));
  borrower.demand = count === 0 ? [] : [{ priority: 0, resources: ONE_CPU, count }];
}

/** A pool has a share for each of its jobs. */
export function weighPools({ state }: Turn): void {
  const counts = new Map<SeatNumber, number>();
  for (const { isPooled, record } of state.admitted.values()) {
    if (isPooled && record.seat !== null) counts.set(record.seat, (counts.get(record.seat) ?? 0) + 1);
  }
  for (const [seat, { borrower }] of state.pools) borrower.weight = Math.max(1, counts.get(seat) ?? 0);
}

/** What a job holds, as far as that is known: of those in a pool, what runs, and then the oldest. */
export function holdings({ state }: Turn): Map<LiveJob, Resources> {
  const held = new Map<LiveJob, Resources>();
  for (const job of state.admitted.values()) held.set(job, job.borrower.held ?? NO_RESOURCES);
  for (const [seat, { borrower }] of state.pools) {
    const jobs = [...state.admitted.values()]
      .filter(({ isPooled, record }) => isPooled && record.seat === seat)
      .toSorted((a, b) => b.record.tasks.running - a.record.tasks.running || a.record.job - b.record.job);
    for (const job of jobs.slice(0, countWithin(ONE_CPU, borrower.held ?? NO_RESOURCES)))
      held.set(job, ONE_CPU);
  }
  return held;
}
