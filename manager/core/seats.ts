/**
 * The seats and who holds them: QWorkers are started when there is a job for them, one is kept warm, the others leave when
 * idle. A seat whose QWorker died with jobs is filled again: the successor opens the seat's store. QWorkers that outlived an
 * earlier manager are adopted: they go on with their jobs and loans.
 */
import { assertNever } from "../../protocol/errors.ts";
import { type SeatNumber, seatNumber } from "../../protocol/ids.ts";
import type { ManagerEvent } from "./events.ts";
import type { LiveJob, Seat } from "./state.ts";
import { type Turn, wakeAt } from "./turn.ts";

/** A QWorker without jobs leaves after this time, except one. */
const IDLE_MS = 30_000;
/** To start, say hello and be ready; Node takes 40 ms for it, a loaded machine a hundred times that. */
const START_DEADLINE_MS = 30_000;
/** From `leave` to a kill. */
const LEAVE_DEADLINE_MS = 15_000;
/** A QWorker that failed n times in a row is started again after 2^n × this, at most RESTART_DELAY_MAX_MS. */
const RESTART_DELAY_MS = 250;
const RESTART_DELAY_MAX_MS = 30_000;
/** Only for the sake of what its last holder left, a seat is filled at most so often in a row. */
const ORPHAN_FAILURES_MAX = 3;
/** One that has lived so long did not fail at its start. */
const HEALTHY_MS = 5000;

export const absentSeat = (seat: SeatNumber): Seat => ({
  type: "absent",
  seat,
  notBeforeMs: 0,
  failures: 0,
  drained: false,
  damage: null,
});

export const adoptingSeat = (seat: SeatNumber, epoch: number, pid: number): Seat => ({
  type: "adopting",
  seat,
  epoch,
  pid,
  sinceMs: null,
  failures: 0,
});

export function freeSeatNumber(turn: Turn): SeatNumber {
  let number = 0;
  while (turn.state.seats.has(seatNumber(number))) number++;
  return seatNumber(number);
}

function jobsPerSeat(turn: Turn): Map<SeatNumber, number> {
  const load = new Map<SeatNumber, number>();
  for (const { record } of turn.state.admitted.values()) {
    if (record.seat !== null) load.set(record.seat, (load.get(record.seat) ?? 0) + 1);
  }
  return load;
}

/** Starts QWorkers for seats with jobs, sends idle ones home, and kills what does not answer in time. */
export function tendSeats(turn: Turn): void {
  const load = jobsPerSeat(turn);
  let warm = turn.state.stopping === null ? 1 : 0;
  for (const seat of [...turn.state.seats.values()]) {
    const jobs = load.get(seat.seat) ?? 0;
    switch (seat.type) {
      case "absent":
        tendAbsent(turn, seat, jobs);
        break;
      case "starting":
        killWhenLate(turn, seat, START_DEADLINE_MS);
        break;
      case "adopting":
        tendAdopting(turn, seat);
        break;
      case "leaving":
        killWhenLate(turn, seat, LEAVE_DEADLINE_MS);
        break;
      case "ready":
        tendLease(turn, seat);
        if (jobs > 0) seat.idleSinceMs = null;
        else if (warm > 0) warm -= 1;
        else tendIdle(turn, seat);
        break;
      default:
        assertNever(seat);
    }
  }
}

/**
 * Whether its last holder died and may have left a TaskExecutor, and tasks, that nobody watches: then the seat is filled once
 * more, also without jobs and while the daemon stops, so that they are waited for, stopped, or told to leave. Not for ever: a
 * seat whose QWorkers die again and again must not keep the daemon from ending.
 */
export const isOrphaned = (seat: Extract<Seat, { type: "absent" }>): boolean =>
  seat.damage === null && !seat.drained && seat.failures < ORPHAN_FAILURES_MAX;

/** A seat whose store cannot be read gets no holder and no jobs; it keeps its number, so that nobody else gets its store. */
export const isDamaged = (seat: Seat | undefined): boolean => seat?.type === "absent" && seat.damage !== null;

function tendAbsent(turn: Turn, seat: Extract<Seat, { type: "absent" }>, jobs: number): void {
  if (seat.damage !== null) return;
  if (!isOrphaned(seat)) {
    if (turn.state.stopping !== null) return;
    if (jobs === 0) {
      turn.state.seats.delete(seat.seat);
      if (turn.state.pools.delete(seat.seat)) turn.state.lending.stale = true;
      return;
    }
  }
  if (turn.clock.monoMs < seat.notBeforeMs) return wakeAt(turn, seat.notBeforeMs);
  const { monoMs: sinceMs } = turn.clock;
  const { failures } = seat;
  turn.state.seats.set(seat.seat, {
    type: "starting",
    seat: seat.seat,
    sinceMs,
    failures,
    epoch: 0,
    pid: null,
  });
  const crashes = turn.state.crashes.get(seat.seat) ?? 0;
  turn.effects.push({ type: "startWorker", seat: seat.seat, crashes });
  wakeAt(turn, sinceMs + START_DEADLINE_MS);
}

function tendAdopting(turn: Turn, seat: Extract<Seat, { type: "adopting" }>): void {
  const { sinceMs } = seat;
  const { leaseMs } = turn.state.options;
  if (sinceMs !== null) return killWhenLate(turn, { ...seat, sinceMs }, leaseMs);
  turn.state.seats.set(seat.seat, { ...seat, sinceMs: turn.clock.monoMs });
  turn.effects.push({ type: "adoptWorker", seat: seat.seat });
  wakeAt(turn, turn.clock.monoMs + leaseMs);
}

/** One that hangs, or was stopped, is killed; its successor takes the seat, and its tasks go on meanwhile. */
function tendLease(turn: Turn, seat: Extract<Seat, { type: "ready" }>): void {
  const found = seat.lease.look(turn.clock.monoMs);
  if (found === "expired") turn.effects.push({ type: "killWorker", seat: seat.seat });
  else if (found === "ask") {
    turn.effects.push({ type: "tellWorker", seat: seat.seat, command: { type: "ping" } });
  }
  wakeAt(turn, seat.lease.nextLookMs);
}

export function onWorkerBusy(turn: Turn, event: Extract<ManagerEvent, { type: "workerBusy" }>): void {
  const seat = turn.state.seats.get(event.seat);
  if (seat?.type === "ready" && seat.epoch === event.epoch) seat.lease.busy(turn.clock.monoMs);
  else if (seat?.type === "adopting")
    turn.state.seats.set(seat.seat, { ...seat, sinceMs: turn.clock.monoMs });
}

function tendIdle(turn: Turn, seat: Extract<Seat, { type: "ready" }>): void {
  seat.idleSinceMs ??= turn.clock.monoMs;
  const leaveAtMs = seat.idleSinceMs + IDLE_MS;
  if (turn.clock.monoMs < leaveAtMs) wakeAt(turn, leaveAtMs);
  else dismiss(turn, seat);
}

export function dismiss(turn: Turn, seat: Extract<Seat, { type: "ready" }>): void {
  const { epoch, pid } = seat;
  turn.state.seats.set(seat.seat, {
    type: "leaving",
    seat: seat.seat,
    epoch,
    pid,
    sinceMs: turn.clock.monoMs,
  });
  turn.effects.push({ type: "tellWorker", seat: seat.seat, command: { type: "leave" } });
  wakeAt(turn, turn.clock.monoMs + LEAVE_DEADLINE_MS);
}

/** One kill per deadline: a process that hangs in the kernel goes when it can. */
function killWhenLate(
  turn: Turn,
  seat: Extract<Seat, { type: "starting" | "leaving" | "adopting" }> & { readonly sinceMs: number },
  patienceMs: number,
): void {
  const { monoMs } = turn.clock;
  const late = monoMs >= seat.sinceMs + patienceMs;
  const sinceMs = late ? monoMs : seat.sinceMs;
  if (late) {
    turn.effects.push({ type: "killWorker", seat: seat.seat });
    turn.state.seats.set(seat.seat, { ...seat, sinceMs });
  }
  wakeAt(turn, sinceMs + patienceMs);
}

export function onWorkerStarted(turn: Turn, event: Extract<ManagerEvent, { type: "workerStarted" }>): void {
  const seat = turn.state.seats.get(event.seat);
  if (seat?.type !== "starting" && seat?.type !== "adopting") return;
  turn.state.seats.set(event.seat, { ...seat, epoch: event.epoch, pid: event.pid });
  greet(turn, event.seat, event.epoch);
}

function greet(turn: Turn, seat: SeatNumber, seatEpoch: number): void {
  const { capacity } = turn.state.options;
  turn.effects.push({ type: "tellWorker", seat, command: { type: "hello", seat, seatEpoch, capacity } });
}

/** Both sides tell again all that the other one has to know; one that leaves was told all there is, but perhaps not that. */
export function onWorkerReconnected(
  turn: Turn,
  event: Extract<ManagerEvent, { type: "workerReconnected" }>,
): void {
  const seat = turn.state.seats.get(event.seat);
  if (seat === undefined || seat.type === "absent" || seat.epoch !== event.epoch) return;
  if (seat.type !== "leaving") return greet(turn, event.seat, event.epoch);
  turn.effects.push({ type: "tellWorker", seat: event.seat, command: { type: "leave" } });
}

export function onWorkerLost(turn: Turn, event: Extract<ManagerEvent, { type: "workerLost" }>): void {
  const seat = turn.state.seats.get(event.seat);
  if (seat === undefined || seat.type === "absent" || seat.epoch > event.epoch) return;
  const { monoMs } = turn.clock;
  const healthy = seat.type === "leaving" || (seat.type === "ready" && monoMs - seat.sinceMs >= HEALTHY_MS);
  if (healthy) turn.state.crashes.delete(event.seat);
  else if (seat.type === "ready") {
    turn.state.crashes.set(event.seat, (turn.state.crashes.get(event.seat) ?? 0) + 1);
  }
  const failures = healthy ? 0 : seat.failures + 1;
  const delayMs = failures === 0 ? 0 : Math.min(RESTART_DELAY_MS * 2 ** failures, RESTART_DELAY_MAX_MS);
  turn.state.seats.set(event.seat, {
    type: "absent",
    seat: event.seat,
    notBeforeMs: monoMs + delayMs,
    failures,
    drained: seat.type === "leaving",
    damage: event.damage,
  });
  const pool = turn.state.pools.get(event.seat);
  if (pool !== undefined) pool.borrower.demand = [];
  for (const job of jobsOf(turn, event.seat)) {
    // Its tasks may go on without their QWorker: what they hold is counted as held until its successor has asked.
    job.assigned = false;
    job.borrower.demand = [];
  }
  turn.state.lending.stale = true;
}

export const jobsOf = (turn: Turn, seat: SeatNumber): LiveJob[] =>
  [...turn.state.admitted.values()].filter(({ record }) => record.seat === seat);
