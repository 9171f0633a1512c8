/** What clients ask of the daemon itself: its status and its end. */
import type { DaemonReport } from "../../protocol/clientLink.ts";
import type { SeatNumber } from "../../protocol/ids.ts";
import type { WorkerFact } from "../../protocol/workerLink.ts";
import { addResources, NO_RESOURCES } from "../../src/node/resources.ts";
import type { ClientId } from "./events.ts";
import { isIdlePool } from "./lending.ts";
import { borrowersOf } from "./queue.ts";
import { dueAtMs } from "./parking.ts";
import { dismiss, isOrphaned } from "./seats.ts";
import type { StatusQuery } from "./state.ts";
import { reply, type Turn, wakeAt } from "./turn.ts";

/** For the QWorkers to answer a status query; who has not by then is listed without its executors. */
const STATUS_DEADLINE_MS = 1000;
/** A client that waits for the end is told how many attempts still run, so often. */
const STOPPING_INTERVAL_MS = 500;
/** With `--now`, for one more task to be dead after its grace; a QWorker that has not drained by then is dismissed all the same. */
const STOP_NOW_DEADLINE_MS = 30_000;

export function onDaemonStatus(turn: Turn, client: ClientId, request: number): void {
  const { state, clock } = turn;
  const id = state.nextStatusQuery++;
  const waitingFor = new Set<SeatNumber>();
  for (const seat of state.seats.values()) {
    if (seat.type !== "ready") continue;
    waitingFor.add(seat.seat);
    turn.effects.push({
      type: "tellWorker",
      seat: seat.seat,
      command: { type: "reportStatus", request: id },
    });
  }
  const deadlineMs = clock.monoMs + STATUS_DEADLINE_MS;
  state.statusQueries.set(id, { client, request, waitingFor, deadlineMs, executors: [], refused: {} });
}

export function onStatus(turn: Turn, seat: SeatNumber, fact: Extract<WorkerFact, { type: "status" }>): void {
  const query = turn.state.statusQueries.get(fact.request);
  if (query === undefined || !query.waitingFor.delete(seat)) return;
  for (const executor of fact.executors) query.executors.push({ seat, ...executor });
  for (const [fault, count] of Object.entries(fact.refused)) {
    query.refused[fault] = (query.refused[fault] ?? 0) + count;
  }
}

/** Answers the queries that are complete or late. `refused` are the frames that the manager's own sockets refused. */
export function answerStatus(turn: Turn): void {
  for (const [id, query] of turn.state.statusQueries) {
    if (query.waitingFor.size > 0 && turn.clock.monoMs < query.deadlineMs) {
      wakeAt(turn, query.deadlineMs);
      continue;
    }
    turn.state.statusQueries.delete(id);
    reply(turn, query.client, {
      type: "daemonReport",
      request: query.request,
      report: reportOf(turn, query),
    });
  }
}

function reportOf(turn: Turn, query: StatusQuery): DaemonReport {
  const { state } = turn;
  const { options } = state;
  return {
    packageVersion: options.packageVersion,
    instance: options.instance,
    epoch: options.epoch,
    startedAtMs: options.startedAtMs,
    draining: state.stopping !== null,
    transient: options.transient,
    capacity: options.capacity,
    lent: borrowersOf(turn)
      .filter((borrower) => !isIdlePool(borrower))
      .reduce((sum, { held }) => addResources(sum, held ?? NO_RESOURCES), NO_RESOURCES),
    jobs: { queued: state.queue.length, running: state.admitted.size, parked: state.parked.size },
    processes: processesOf(turn, query),
    refusedFrames: query.refused,
  };
}

function processesOf(turn: Turn, query: StatusQuery): DaemonReport["processes"] {
  const processes: DaemonReport["processes"] = [
    { role: "manager", pid: turn.state.options.pid, seat: null, forkserver: null },
  ];
  for (const seat of turn.state.seats.values()) {
    if (seat.type === "absent" || seat.pid === null) continue;
    processes.push({ role: "worker", pid: seat.pid, seat: seat.seat, forkserver: null });
    for (const { seat: of, pid, forkserver } of query.executors) {
      if (of !== seat.seat) continue;
      processes.push({ role: "executor", pid, seat: of, forkserver: null });
      if (forkserver !== null)
        processes.push({ role: "forkserver", pid: forkserver.pid, seat: of, forkserver });
    }
  }
  return processes;
}

/** Starts the end: QWorkers drain, then leave, then the manager. A second call with `now` makes it firmer. */
export function stop(
  turn: Turn,
  now: boolean,
  client: { readonly id: ClientId; readonly request: number } | null,
): void {
  const { state, clock } = turn;
  const before = state.stopping;
  const listeners = before?.listeners ?? new Map<ClientId, number>();
  if (client !== null) listeners.set(client.id, client.request);
  const firmer = before === null || (now && !before.now);
  const sinceMs = before === null || firmer ? clock.monoMs : before.sinceMs;
  state.stopping = {
    now: now || before?.now === true,
    listeners,
    sinceMs,
    runningAttempts: runningAttempts(turn),
    toldAtMs: 0,
    leftTold: before?.leftTold ?? false,
  };
  if (!firmer) return;
  for (const seat of state.seats.values()) if (seat.type === "ready") drainSeat(turn, seat.seat, now);
}

export function drainSeat(turn: Turn, seat: SeatNumber, now: boolean): void {
  const { graceMs } = turn.state.options;
  turn.effects.push({ type: "tellWorker", seat, command: { type: "drain", stop: now, graceMs } });
}

export function onDrained(turn: Turn, seat: SeatNumber): void {
  const found = turn.state.seats.get(seat);
  if (found?.type === "ready") found.drained = true;
}

/** Dismisses drained QWorkers, tells who waits, and leaves when all have gone. */
export function tendStopping(turn: Turn): void {
  const { state, clock } = turn;
  const { stopping } = state;
  if (stopping === null) return tendIdleDaemon(turn);
  const running = runningAttempts(turn);
  // Tens of thousands take a while, however quickly they end.
  if (running < stopping.runningAttempts) stopping.sinceMs = clock.monoMs;
  stopping.runningAttempts = running;
  let present = 0;
  for (const seat of [...state.seats.values()]) {
    if (seat.type === "absent" && !isOrphaned(seat)) continue;
    present += 1;
    const late =
      stopping.now && clock.monoMs - stopping.sinceMs > state.options.graceMs + STOP_NOW_DEADLINE_MS;
    if (seat.type === "ready" && (seat.drained || late)) dismiss(turn, seat);
  }
  if (clock.monoMs - stopping.toldAtMs >= STOPPING_INTERVAL_MS || present === 0) {
    stopping.toldAtMs = clock.monoMs;
    for (const [client, request] of stopping.listeners) {
      reply(turn, client, { type: "stopping", request, runningAttempts: running });
    }
  }
  if (present > 0) wakeAt(turn, clock.monoMs + STOPPING_INTERVAL_MS);
  else if (!stopping.leftTold) {
    stopping.leftTold = true;
    turn.effects.push({ type: "announceLeaving" }, { type: "leave" });
  }
}

function runningAttempts(turn: Turn): number {
  let running = 0;
  for (const { record } of turn.state.admitted.values()) running += record.tasks.running;
  return running;
}

/** What is parked until somebody resumes it needs no daemon until then. */
function hasWork({ state }: Turn): boolean {
  if (state.jobs.size > state.parked.size || state.deletions.size > 0) return true;
  return [...state.parked.values()].some((job) => dueAtMs(job) !== null);
}

function tendIdleDaemon(turn: Turn): void {
  const { state, clock } = turn;
  if (!state.options.transient) return;
  const busy = hasWork(turn) || state.submissions.size > 0 || state.followers.size > 0;
  if (busy) state.idleSinceMs = null;
  else {
    state.idleSinceMs ??= clock.monoMs;
    const leaveAtMs = state.idleSinceMs + state.options.idleMs;
    if (clock.monoMs < leaveAtMs) return wakeAt(turn, leaveAtMs);
    turn.effects.push({ type: "announceLeaving" });
    stop(turn, false, null);
    wakeAt(turn, clock.monoMs);
  }
}
