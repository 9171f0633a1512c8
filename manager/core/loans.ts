/** Keeps the ledger: divides the node anew when something has changed, and tells QWorkers their loans. */
import type { Resources } from "../../protocol/resources.ts";
import { equalResources, maxResources, NO_RESOURCES } from "../../src/node/resources.ts";
import { accountUsage, divide, isContended, QUANTUM_MS, raisedFloor, refreshStandings } from "./lending.ts";
import { borrowersOf } from "./queue.ts";
import type { LiveJob } from "./state.ts";
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
  const borrowers = borrowersOf(turn);
  if (lending.stale && state.stopping === null) {
    lending.stale = false;
    const targets = divide(capacity, borrowers);
    for (const job of state.admitted.values()) {
      lend(turn, job, targets.get(job.borrower) ?? NO_RESOURCES);
    }
  }
  if (borrowers.length > 1 && isContended(borrowers)) wakeAt(turn, lending.quantumEndsMs);
}

function lend(turn: Turn, job: LiveJob, target: Resources): void {
  const { borrower, record } = job;
  if (!job.assigned || record.seat === null) return;
  if (!job.loanUntold && equalResources(target, borrower.granted)) return;
  job.loanUntold = false;
  borrower.serial += 1;
  borrower.granted = target;
  if (borrower.held !== null) borrower.held = maxResources(borrower.held, target);
  const { serial } = borrower;
  const command = { type: "setLoan", job: record.job, serial, resources: target } as const;
  turn.effects.push({ type: "tellWorker", seat: record.seat, command });
}
