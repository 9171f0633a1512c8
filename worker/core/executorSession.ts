/**
 * The QWorker's TaskExecutor: started when there is something to run, asked what it has when it says hello, told to leave
 * when it has been idle for a while.
 */
import { WITHDRAW_ONLY_MS } from "../../protocol/limits.ts";
import { assertNever } from "../../protocol/errors.ts";
import type { ExecutorCommand } from "../../protocol/executorLink.ts";
import { type AttemptId, attemptKey, COMMON_POOL, taskIndex } from "../../protocol/ids.ts";
import { loseAttempt, onAttemptStarted, stopAttempt } from "./attempts.ts";
import { acquitAll, isBlamed } from "./blame.ts";
import { openJobOnce, sendCap } from "./dispatch.ts";
import type { WorkerEvent } from "./events.ts";
import { Lease } from "../../src/lease.ts";
import { isPooled } from "./job.ts";
import { recordTask } from "./records.ts";
import type { JobActor, LiveAttempt, WorkerState } from "./state.ts";
import type { Turn } from "./turn.ts";

/** One that has not said hello by then is given up, and one that was told to leave is asked again. */
const PATIENCE_MS = 15_000;

/** One that died sooner than this after its start is not started again at once. */
const YOUNG_MS = 2000;

/** One that lived no longer may have been killed by what it runs. */
const CRASH_MS = 10_000;

export function onExecutorHello(
  turn: Turn,
  event: Extract<WorkerEvent, { type: "executorSaidHello" }>,
): void {
  const { state, clock } = turn;
  const { executor } = state;
  // It came twice, or late: by what it lists, what was sent since would be lost.
  if (executor.type === "ready" && executor.pid === event.pid && event.greeting <= executor.greeting) return;
  state.executor = {
    type: "ready",
    pid: event.pid,
    greeting: event.greeting,
    sinceMs: clock.monoMs,
    opened: new Set(),
    forkserver: null,
    lease: new Lease(state.leaseMs, clock.monoMs),
    idleSinceMs: null,
  };
  state.timers.add(state.executor.lease.nextLookMs, { type: "executor" });
  turn.effects.push({ type: "tellExecutor", command: welcomeOf(state, event.greeting) });
  const known = new Set<string>();
  for (const live of event.live) {
    known.add(attemptKey(live));
    if (live.started !== null) onAttemptStarted(turn, live.started);
    if (!isAwaited(turn, live) && !state.loading.has(live.job)) stopUnknown(turn, live);
  }
  for (const ended of event.ended) {
    known.add(attemptKey(ended));
    if (!isAwaited(turn, ended)) keepNumber(turn, ended);
  }
  punishCrashes(turn);
  if (state.rebooted) acquitAll(turn);
  state.rebooted = false;
  for (const job of state.jobs.values()) {
    // What was said to an earlier connection may not have been heeded, and its answer not have come.
    job.closeSent = false;
    reconcile(turn, job, known);
  }
}

const welcomeOf = ({ seat, node, instance }: WorkerState, greeting: number): ExecutorCommand => ({
  type: "welcome",
  greeting,
  seat,
  node,
  instance,
});

function isAwaited(turn: Turn, id: AttemptId): boolean {
  return turn.state.jobs.get(id.job)?.live.get(id.task)?.attempt === id.attempt;
}

/**
 * One that has nothing leaves; one that has something says hello again. So it is also asked when a job has come from the store whose
 * attempts may be there, or not: what it said at its hello was said too early for them, and the next one says it.
 */
export function askToLeave(turn: Turn): void {
  const { state, clock } = turn;
  const { executor } = state;
  if (executor.type !== "ready") return;
  state.executor = { type: "leaving", pid: executor.pid, sinceMs: clock.monoMs };
  turn.effects.push({ type: "tellExecutor", command: { type: "leave" } });
  state.timers.add(clock.monoMs + PATIENCE_MS, { type: "executor" });
}

/** An attempt that nobody waits for: of a job that is over, or replaced by a later attempt. */
function stopUnknown(turn: Turn, id: AttemptId): void {
  const attempts = [{ job: id.job, task: id.task, attempt: id.attempt }];
  const command = { type: "stopAttempts", attempts, graceMs: turn.state.graceMs } as const;
  turn.effects.push({ type: "tellExecutor", command });
}

/** The end of an earlier attempt follows: it must not be taken for that of a later one with the same number. */
function keepNumber(turn: Turn, { job, task, attempt }: AttemptId): void {
  const taken = turn.state.jobs.get(job)?.takenNumbers;
  taken?.set(task, Math.max(taken.get(task) ?? 0, attempt));
}

/** What was dispatched and is not known to the TaskExecutor never arrived there, or died with it. */
function reconcile(turn: Turn, job: JobActor, known: ReadonlySet<string>): void {
  if (job.live.size > 0) {
    openJobOnce(turn, job);
    // What was told last may not have arrived.
    if (job.suspendedMs > 0 || job.suspendedSinceMs !== null) job.suspendTold = null;
  }
  for (const live of [...job.live.values()]) {
    const id = { job: job.job, task: taskIndex(live.task), attempt: live.attempt };
    if (!known.has(attemptKey(id))) loseAttempt(turn, job, live, "what ran it has died");
    else if (live.stop !== null) {
      stopAttempt(turn, job, live, graceOf(turn, live));
    }
  }
}

function graceOf({ state }: Turn, { stop }: LiveAttempt): number {
  if (stop === "recall") return WITHDRAW_ONLY_MS;
  return stop === "crash" ? 0 : state.graceMs;
}

/** Something that runs here kills QWorkers or TaskExecutors: what is blamed for it is ended, at once. */
function punishCrashes(turn: Turn): void {
  const { state } = turn;
  const { crashLimit } = state;
  const isWorkerLoop = state.workerCrashes > 0 && state.workerCrashes % crashLimit === 0;
  if (!isWorkerLoop && state.executorCrashes < crashLimit) return;
  state.workerCrashes = 0;
  state.executorCrashes = 0;
  for (const job of state.jobs.values()) {
    for (const live of job.live.notable()) {
      if (live.start === null || live.stop !== null || !isBlamed(turn, live)) continue;
      live.stop = "crash";
      recordTask(turn, job, live.task, { live });
    }
  }
}

export function onExecutorLost(turn: Turn, killed: boolean): void {
  const { state, clock } = turn;
  const { executor } = state;
  const isYoung = executor.type !== "absent" && clock.monoMs - executor.sinceMs < CRASH_MS;
  const isCrash = isYoung && (executor.type === "ready" || (executor.type === "starting" && killed));
  const isBusy = [...state.jobs.values()].some(({ live }) => live.size > 0);
  state.executorCrashes = isCrash && isBusy ? state.executorCrashes + 1 : 0;
  const young = executor.type !== "absent" && clock.monoMs - executor.sinceMs < YOUNG_MS;
  const left = executor.type === "leaving";
  for (const job of state.jobs.values()) job.closeSent = false;
  state.executor = { type: "absent", notBeforeMs: young && !left ? clock.monoMs + YOUNG_MS : 0 };
}

/** Starts, keeps or dismisses the TaskExecutor, by what the jobs need now. */
export function tendExecutor(turn: Turn): void {
  const { state, clock } = turn;
  const { executor } = state;
  const needed = isNeeded(turn);
  switch (executor.type) {
    case "absent":
      if (!needed) return;
      if (clock.monoMs < executor.notBeforeMs) {
        state.timers.add(executor.notBeforeMs, { type: "executor" });
        return;
      }
      state.executor = { type: "starting", sinceMs: clock.monoMs };
      state.timers.add(clock.monoMs + PATIENCE_MS, { type: "executor" });
      turn.effects.push({ type: "startExecutor" });
      return;
    case "ready":
      tendLease(turn, executor.lease);
      if (needed) executor.idleSinceMs = null;
      else if (executor.idleSinceMs === null) {
        executor.idleSinceMs = clock.monoMs;
        state.timers.add(clock.monoMs + state.executorIdleMs, { type: "idle" });
      } else if (clock.monoMs - executor.idleSinceMs >= state.executorIdleMs) askToLeave(turn);
      return;
    case "leaving":
      if (clock.monoMs - executor.sinceMs < PATIENCE_MS) return;
      state.executor = { ...executor, sinceMs: clock.monoMs };
      turn.effects.push({ type: "tellExecutor", command: { type: "leave" } });
      state.timers.add(clock.monoMs + PATIENCE_MS, { type: "executor" });
      return;
    case "starting":
      if (executor.sinceMs === Number.NEGATIVE_INFINITY) {
        state.executor = { type: "starting", sinceMs: clock.monoMs };
        state.timers.add(clock.monoMs + PATIENCE_MS, { type: "executor" });
      } else if (clock.monoMs - executor.sinceMs >= PATIENCE_MS) {
        turn.effects.push({ type: "killExecutor" });
        state.executor = { type: "starting", sinceMs: clock.monoMs };
        state.timers.add(clock.monoMs + PATIENCE_MS, { type: "executor" });
      }
      return;
    default:
      assertNever(executor);
  }
}

/** One that hangs, or was stopped, is killed: what runs goes on in the forkserver, and the next one takes it over. */
function tendLease(turn: Turn, lease: Lease): void {
  const before = lease.nextLookMs;
  const found = lease.look(turn.clock.monoMs);
  if (found === "ask") turn.effects.push({ type: "tellExecutor", command: { type: "ping" } });
  else if (found === "expired") turn.effects.push({ type: "killExecutor" });
  if (lease.nextLookMs !== before) turn.state.timers.add(lease.nextLookMs, { type: "executor" });
}

export function heardExecutor(turn: Turn): void {
  const { executor } = turn.state;
  if (executor.type === "ready") executor.lease.heard(turn.clock.monoMs);
}

/** A queued task with a loan that may pay for it, or an attempt whose fate is open. */
function isNeeded(turn: Turn): boolean {
  for (const job of turn.state.jobs.values()) {
    if (job.live.size > 0 || job.phase === "closing") return true;
    if (turn.state.drain === null && job.groups.some((group) => group.queue.length > 0)) return true;
  }
  return false;
}

/** While draining, the caps are 0, so that what waits in the forkserver's queue does not start. */
export function capAll(turn: Turn): void {
  const { executor, pool } = turn.state;
  if (executor.type !== "ready") return;
  if (executor.opened.has(COMMON_POOL)) sendCap(turn, pool);
  for (const job of turn.state.jobs.values()) {
    if (executor.opened.has(job.job) && !isPooled(job)) sendCap(turn, job);
  }
}
