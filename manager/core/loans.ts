/** Keeps the ledger: divides the node anew when something has changed, and tells QWorkers their loans. */
import type { SeatNumber } from "../../protocol/ids.ts";
import type { Resources } from "../../protocol/resources.ts";
import { equalResources, maxResources, NO_RESOURCES } from "../../src/node/resources.ts";
import {
  accountUsage,
  type Borrower,
  divide,
  isContended,
  isInvolved,
  keepUnwanted,
  QUANTUM_MS,
  raisedFloor,
  refreshStandings,
} from "./lending.ts";
import { weighPools } from "./pools.ts";
import { borrowersOf } from "./queue.ts";
import type { Account } from "./state.ts";
import { type Turn, wakeAt } from "./turn.ts";

/** Before the events of a turn: what was held, and wanted, until now counts; what they change counts from now on. */
export function accountLoans(turn: Turn): void {
  const { state, clock } = turn;
  const { lending } = state;
  const borrowers = borrowersOf(turn);
  accountUsage(state.options.capacity, borrowers, clock.monoMs - lending.accountedAtMs);
  lending.accountedAtMs = clock.monoMs;
  lending.floor = raisedFloor(lending.floor, borrowers);
  if (clock.monoMs < lending.quantumEndsMs) return;
  refreshStandings(borrowers, lending.floor);
  lending.quantumEndsMs = clock.monoMs + QUANTUM_MS;
  lending.stale = true;
}

export function tendLoans(turn: Turn): void {
  const { state } = turn;
  const { lending } = state;
  const { capacity } = state.options;
  weighPools(turn);
  const borrowers = borrowersOf(turn);
  if (lending.stale && state.stopping === null) {
    lending.stale = false;
    const targets = divide(capacity, borrowers);
    keepUnwanted(targets);
    for (const [seat, pool] of state.pools) {
      if (state.seats.get(seat)?.type === "ready") lend(turn, seat, pool, targets);
    }
    for (const job of state.admitted.values()) {
      if (!job.assigned || job.record.seat === null) continue;
      if (!job.isPooled || isInvolved(job.borrower)) lend(turn, job.record.seat, job, targets);
    }
  }
  if (borrowers.length > 1 && isContended(borrowers)) wakeAt(turn, lending.quantumEndsMs);
}

function lend(
  turn: Turn,
  seat: SeatNumber,
  account: Account,
  targets: ReadonlyMap<Borrower, Resources>,
): void {
  const { borrower } = account;
  const target = targets.get(borrower) ?? NO_RESOURCES;
  if (!account.loanUntold && equalResources(target, borrower.granted)) return;
  account.loanUntold = false;
  borrower.serial += 1;
  borrower.granted = target;
  if (borrower.held !== null) borrower.held = maxResources(borrower.held, target);
  const { serial } = borrower;
  const command = { type: "setLoan", job: borrower.job, serial, resources: target } as const;
  turn.effects.push({ type: "tellWorker", seat, command });
}
