/**
 * The QWorker's decisions: what it does about a batch of events. Deterministic; the state is changed in place; nothing here
 * touches a socket, a store or a clock.
 */
import { assertNever } from "../../protocol/errors.ts";
import type { SeatNumber } from "../../protocol/ids.ts";
import { NO_RESOURCES } from "../../src/node/resources.ts";
import { onAttemptsEnded } from "./endings.ts";
import { onAttemptStarted, onRetryDue, onTimeoutDue } from "./attempts.ts";
import { tendTrial } from "./blame.ts";
import { dispatch } from "./dispatch.ts";
import { endDrain, onDrainRequested, tendDrain } from "./drain.ts";
import type { Clock, WorkerEffect, WorkerEvent } from "./events.ts";
import { heardExecutor, onExecutorHello, onExecutorLost, tendExecutor } from "./executorSession.ts";
import { tendFailFast } from "./halt.ts";
import {
  onCancelRequested,
  onJobAssigned,
  onJobClosed,
  onJobLoaded,
  onJobReleased,
  reportOf,
  reportProgress,
  settleJob,
  tellFinishedAgain,
  closeInExecutor,
} from "./lifecycle.ts";
import {
  capInForce,
  holdsAtMost,
  onJobLoan,
  onLoanSet,
  returnAtOnce,
  tellDemand,
  tellHeld,
} from "./loans.ts";
import { onNoopsEnded } from "./noops.ts";
import { isPooled } from "./job.ts";
import { parkIfWaiting } from "./parking.ts";
import { createPool, learn, tendPool } from "./pool.ts";
import { onSetPause, tendPause } from "./pausing.ts";
import { recordJobIfChanged } from "./records.ts";
import type { JobActor, WorkerState } from "./state.ts";
import { type Timer, TimerHeap } from "./timers.ts";
import { Touched } from "./touched.ts";
import type { Turn } from "./turn.ts";
import { COMMON_POOL, taskIndex } from "../../protocol/ids.ts";
import { TransientMap } from "../../src/transientMap.ts";

export interface WorkerOptions {
  readonly seat: SeatNumber;
  /** The machine's name, for `QREW_NODE` and the records. */
  readonly node: string;
  /** Uuid of the state folder. */
  readonly instance: string;
  readonly pid: number;
  /** From SIGTERM to SIGKILL when a task is stopped. */
  readonly graceMs: number;
  /** A TaskExecutor that says nothing for so long is replaced. */
  readonly leaseMs: number;
  /** A task fails with this number of losses. */
  readonly crashLimit: number;
  /** So many noops that end in one message are recorded together. */
  readonly endsTogetherMin: number;
  /** A TaskExecutor leaves when it had no work for so long. */
  readonly executorIdleMs: number;
  /** QWorkers of this seat that died young in a row before this one. */
  readonly crashes: number;
  /** The machine was started anew since the last holder: what ran then was lost through no fault of its own. */
  readonly rebooted: boolean;
  /** A TaskExecutor of an earlier holder is alive and will say hello. */
  readonly executorExpected: boolean;
}

export function createWorker(options: WorkerOptions): WorkerState {
  return {
    seat: options.seat,
    node: options.node,
    instance: options.instance,
    pid: options.pid,
    graceMs: options.graceMs,
    capacity: NO_RESOURCES,
    jobs: new TransientMap(),
    loading: new TransientMap(),
    executor: options.executorExpected
      ? { type: "starting", sinceMs: Number.NEGATIVE_INFINITY }
      : { type: "absent", notBeforeMs: 0 },
    drain: null,
    timers: new TimerHeap(),
    pool: createPool(),
    // Not where an earlier holder of the seat began: the answer to one of its caps may still be on its way.
    capSerial: (options.pid * 65_536) >>> 0,
    crashLimit: options.crashLimit,
    endsTogetherMin: options.endsTogetherMin,
    executorIdleMs: options.executorIdleMs,
    trial: null,
    verdictUntilMs: 0,
    workerCrashes: options.crashes,
    executorCrashes: 0,
    rebooted: options.rebooted,
    leaseMs: options.leaseMs,
  };
}

/** Handles the events, in order, then everything that follows from them. Effects are in the order of events.ts. */
export function step(state: WorkerState, clock: Clock, events: readonly WorkerEvent[]): WorkerEffect[] {
  const turn: Turn = { state, clock, effects: [] };
  const touched = new Touched(state);
  const { trial } = state;
  for (const event of events) {
    if (isOfExecutor(event)) heardExecutor(turn);
    touched.by(event);
    handle(turn, event);
  }
  for (let due = state.timers.popDue(clock.monoMs); due !== null; due = state.timers.popDue(clock.monoMs)) {
    touched.byTimer(due);
    onTimer(turn, due);
  }
  for (const job of touched.jobs()) {
    tendFailFast(turn, job);
    settleJob(turn, job);
  }
  tendTrial(turn);
  tendExecutor(turn);
  // Suspects of any job may have had to wait for its end.
  if (state.trial !== trial) touched.touchAll();
  for (const job of touched.jobs()) {
    if (job.phase === "closing") closeInExecutor(turn, job);
    if (parkIfWaiting(turn, job)) continue;
    if (!isPooled(job)) tendSlots(turn, job);
    tendPause(turn, job);
    reportProgress(turn, job);
    recordJobIfChanged(turn, job);
  }
  tendPool(turn);
  tendDrain(turn);
  return turn.effects;
}

function tendSlots(turn: Turn, job: JobActor): void {
  dispatch(turn, job);
  tellDemand(turn, job);
  tellHeld(turn, job);
}

/** When the next timer is due on the monotonic clock, or null. The shell wakes the core then. */
export const nextWakeMs = (state: WorkerState): number | null => state.timers.nextAtMs();

const EXECUTOR_EVENTS: ReadonlySet<WorkerEvent["type"]> = new Set([
  "attemptsStarted",
  "attemptsEnded",
  "noopsEnded",
  "capSet",
  "jobClosed",
  "executorReported",
  "executorAlive",
] as const);

const isOfExecutor = (event: WorkerEvent): boolean => EXECUTOR_EVENTS.has(event.type);

function handle(turn: Turn, event: WorkerEvent): void {
  const { state } = turn;
  switch (event.type) {
    case "managerSaidHello":
      state.capacity = event.capacity;
      endDrain(turn);
      return answerHello(turn);
    case "jobAssigned":
      return onJobAssigned(turn, event);
    case "jobLoaded":
      return onJobLoaded(turn, event);
    case "jobLoadFailed":
      state.loading.delete(event.job);
      turn.effects.push({
        type: "tellManager",
        fact: { type: "jobRefused", job: event.job, detail: event.detail },
      });
      return;
    case "loanSet":
      return onLoan(turn, event);
    case "cancelRequested":
      return onCancelRequested(turn, event.job);
    case "pauseSet":
      return onSetPause(turn, event.job, event.pause);
    case "jobReleased":
      return onJobReleased(turn, event.job);
    case "drainRequested":
      return onDrainRequested(turn, event.stop, event.graceMs);
    case "statusRequested":
      return tellStatus(turn, event);
    case "executorSaidHello":
      return onExecutorHello(turn, event);
    case "attemptsStarted":
      for (const started of event.attempts) onAttemptStarted(turn, started);
      return;
    case "attemptsEnded":
      return onAttemptsEnded(turn, event.attempts);
    case "noopsEnded":
      return onNoopsEnded(turn, event);
    case "capSet":
      return onCapSet(turn, event);
    case "jobClosed":
      return onJobClosed(turn, event.job, event.survivors);
    case "executorReported":
      if (state.executor.type === "ready") {
        state.executor = { ...state.executor, forkserver: event.forkserver };
      }
      return;
    case "executorLost":
      return onExecutorLost(turn, event.killed);
    case "executorAlive":
    case "woken":
      return;
    default:
      assertNever(event);
  }
}

function onTimer(turn: Turn, timer: Timer): void {
  switch (timer.type) {
    case "timeout":
      return onTimeoutDue(turn, { job: timer.job, task: taskIndex(timer.task), attempt: timer.attempt });
    case "retry":
      return onRetryDue(turn, timer.job, timer.task, timer.attempt);
    case "closeDeadline":
      return onJobClosed(turn, timer.job, null);
    case "report": {
      const job = turn.state.jobs.get(timer.job);
      if (job !== undefined) job.reportPending = false;
      return;
    }
    case "idle":
    case "trial":
    case "executor":
      return;
    default:
      assertNever(timer);
  }
}

function onLoan(turn: Turn, event: Extract<WorkerEvent, { type: "loanSet" }>): void {
  if (event.job === COMMON_POOL) return onLoanSet(turn, turn.state.pool, event.serial, event.resources);
  const loading = turn.state.loading.get(event.job);
  if (loading !== undefined) loading.loan = { serial: event.serial, resources: event.resources };
  const job = turn.state.jobs.get(event.job);
  if (job !== undefined) return onJobLoan(turn, job, event.serial, event.resources);
  // The job is over.
  if (loading === undefined) returnAtOnce(turn, event.job, event.serial);
}

function onCapSet(turn: Turn, event: Extract<WorkerEvent, { type: "capSet" }>): void {
  const { pool, jobs } = turn.state;
  const loan = (event.job === COMMON_POOL ? pool : jobs.get(event.job))?.account.loan;
  // Only the answer to the latest cap counts; a higher number is one that an earlier holder of the seat has given.
  if (loan?.capSerial !== event.serial) return;
  loan.capConfirmed = event.serial;
  loan.runsAtMostMilli = Math.max(loan.capCpusMilli, event.runningCpusMilli);
}

function answerHello(turn: Turn): void {
  const { state } = turn;
  const jobs = [...state.jobs.values()];
  learn(state);
  const accounts = jobs.filter((job) => !isPooled(job)).map(({ account }) => account);
  // What an earlier manager has lent to a pool that is not known yet, or to a job that is still being read: this one does not hear of
  // it, and lends anew, with numbers from the first.
  if (state.pool.isKnown) accounts.push(state.pool.account);
  else state.pool.account.loan.serial = 0;
  for (const loading of state.loading.values()) loading.loan = null;
  turn.effects.push({
    type: "tellManager",
    fact: {
      type: "workerReady",
      seat: state.seat,
      pid: state.pid,
      jobs: jobs.map((job) => ({ ...reportOf(job), running: [] })),
      loans: accounts.map((account) => ({
        job: account.id,
        serial: account.loan.serial,
        resources: holdsAtMost(turn, account),
        inForce: capInForce(turn, account),
      })),
    },
  });
  // Whatever the last manager was told is told again to this one.
  // A new manager begins with a pool that wants nothing.
  state.pool.account.demandSent = [];
  for (const job of jobs) {
    job.account.demandSent = null;
    job.loanReturned = false;
  }
  tellFinishedAgain(turn);
}

function tellStatus(turn: Turn, event: Extract<WorkerEvent, { type: "statusRequested" }>): void {
  const { executor } = turn.state;
  const { request } = event;
  const executors = executor.type === "ready" ? [{ pid: executor.pid, forkserver: executor.forkserver }] : [];
  turn.effects.push({
    type: "tellManager",
    fact: { type: "status", request, executors, refused: { ...event.refused } },
  });
}
