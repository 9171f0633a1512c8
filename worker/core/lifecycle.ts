/** The life of a job in its QWorker: loaded, cancelled, settled, closed, finished, released; and what is reported of it. */
import { isFinalJobState } from "../../protocol/states.ts";
import { type JobSeq, taskIndex } from "../../protocol/ids.ts";
import { REPORTED_RUNNING_MAX } from "../../protocol/limits.ts";
import { cancelUnstarted, skipWaiting, stopAttempt, watchTimeLimit } from "./attempts.ts";
import type { JobStanding, RunningAttempt, WorkerEvent } from "./events.ts";
import { suspectFrom } from "./blame.ts";
import { createJob, isPooled, isSettled, jobOutcome, openTasksWithoutAttempt, releaseRoots } from "./job.ts";
import { askToLeave } from "./executorSession.ts";
import { setPause } from "./pausing.ts";
import { recordJobIfChanged } from "./records.ts";
import { restoreJob } from "./restore.ts";
import type { JobActor } from "./state.ts";
import { taskCounts } from "./taskStates.ts";
import type { Turn } from "./turn.ts";
import { onJobLoan } from "./loans.ts";
import { pooledAccount } from "./pool.ts";

/** Reports of one job are at least so far apart, except the last one: a person reads no faster. */
const REPORT_INTERVAL_MS = 100;

/** Before the first report of a job. */
const FIRST_REPORT_MS = 50;

/** For the processes of a cancelled job to be confirmed dead, beyond the grace; then it ends with the survivors counted. */
const CLOSE_DEADLINE_MS = 30_000;

export function onJobAssigned(turn: Turn, event: Extract<WorkerEvent, { type: "jobAssigned" }>): void {
  const { job, round, priority, pause, demand } = event;
  // The manager assumes a demand for it, which may have crossed with what it was told last.
  if (event.isPooled) turn.state.pool.account.demandSent = null;
  const known = turn.state.jobs.get(job);
  if (known !== undefined && known.phase === "finished" && known.round < round) {
    // The manager knows how that round has ended: it has opened the next.
    turn.state.jobs.delete(job);
  } else if (known !== undefined) {
    if (known.phase === "finished") tellFinished(turn, known);
    else if (pause !== null) setPause(turn, known, pause);
    if (!isPooled(known)) known.account.demandSent = demand;
    known.loanReturned = false;
    return;
  }
  const loading = turn.state.loading.get(job);
  if (loading !== undefined) {
    loading.pause = pause ?? loading.pause;
    loading.demand = demand;
    loading.isPooled = event.isPooled;
    return;
  }
  turn.state.loading.set(job, {
    cancelRequested: false,
    pause,
    demand,
    isPooled: event.isPooled,
    loan: null,
  });
  turn.effects.push({ type: "loadJob", job, round, priority });
}

export function onJobLoaded(turn: Turn, event: Extract<WorkerEvent, { type: "jobLoaded" }>): void {
  const waiting = turn.state.loading.get(event.job);
  if (waiting === undefined) return;
  turn.state.loading.delete(event.job);
  const actor = actorOf(turn, event);
  actor.planRound = event.planRound;
  if (
    event.progress !== null &&
    event.progress.round === event.round &&
    isFinalJobState(event.progress.state)
  ) {
    // It ended under an earlier holder of the seat, and the manager does not know yet.
    actor.phase = "finished";
    actor.finalState = event.progress.state;
    actor.finishedAtMs = event.progress.finishedAtMs;
    actor.detail = event.progress.detail;
    actor.changed = false;
    actor.loanReturned = true;
    turn.state.jobs.set(event.job, actor);
    return tellFinished(turn, actor);
  }
  turn.state.jobs.set(event.job, actor);
  if (!isPooled(actor)) actor.account.demandSent = waiting.demand;
  if (event.progress === null) {
    // A new job that is over sooner is told of by its end alone.
    actor.reportAtMs = turn.clock.monoMs + FIRST_REPORT_MS;
    // Its one task is ready, as the manager knows of such a job: of thousands that wait there is nothing to tell until they begin.
    if (waiting.isPooled && isPooled(actor)) actor.reportedSeq = actor.seq;
  }
  if (actor.live.size > 0) askToLeave(turn);
  if (waiting.pause !== null) setPause(turn, actor, waiting.pause);
  if (waiting.loan !== null) onJobLoan(turn, actor, waiting.loan.serial, waiting.loan.resources);
  if (waiting.cancelRequested || actor.cancelRequested) cancelJob(turn, actor);
}

function actorOf(turn: Turn, event: Extract<WorkerEvent, { type: "jobLoaded" }>): JobActor {
  const { job, round, priority, graph, progress, records } = event;
  const account = pooledAccount(turn.state.pool, graph, priority);
  if (progress === null || progress.round !== round) {
    const actor = createJob(job, round, priority, graph, suspectFrom(turn.state.crashLimit), account);
    releaseRoots(actor);
    return actor;
  }
  const { actor, retries, skips } = restoreJob(
    job,
    round,
    priority,
    graph,
    suspectFrom(turn.state.crashLimit),
    progress,
    records,
    account,
  );
  for (const [task, { omen, because }] of skips) skipWaiting(turn, actor, task, omen, because);
  for (const retry of retries) {
    const delayMs = Math.max(0, retry.atWallMs - turn.clock.wallMs);
    const { task, attempt } = retry;
    turn.state.timers.add(turn.clock.monoMs + delayMs, { type: "retry", job, task, attempt });
  }
  for (const live of actor.live.notable()) {
    // How much of it fell to this attempt is not on record: its limit may come too late, but not too early.
    if (live.start !== null) watchTimeLimit(turn, actor, live, live.start.atMs, actor.suspendedMs);
  }
  return actor;
}

export function onCancelRequested(turn: Turn, job: JobSeq): void {
  const loading = turn.state.loading.get(job);
  if (loading !== undefined) loading.cancelRequested = true;
  const actor = turn.state.jobs.get(job);
  if (actor !== undefined && !actor.cancelRequested && actor.phase === "active") cancelJob(turn, actor);
}

function cancelJob(turn: Turn, job: JobActor): void {
  job.cancelRequested = true;
  job.pause = "off";
  job.changed = true;
  for (const task of openTasksWithoutAttempt(job)) cancelUnstarted(turn, job, task);
  for (const group of job.groups) group.queue.clear();
  for (const live of job.live.values()) {
    live.stop = "cancel";
    stopAttempt(turn, job, live, turn.state.graceMs);
  }
}

/** When the last task is final the job is; one that was stopped only when its last process is confirmed dead. */
export function settleJob(turn: Turn, job: JobActor): void {
  if (job.phase !== "active" || !isSettled(job)) return;
  const isStopped = job.cancelRequested || job.haltedBy !== null;
  if (!isStopped || !job.hasRun) {
    closeInExecutor(turn, job);
    finishJob(turn, job);
    return;
  }
  job.phase = "closing";
  const deadlineMs = turn.clock.monoMs + turn.state.graceMs + CLOSE_DEADLINE_MS;
  turn.state.timers.add(deadlineMs, { type: "closeDeadline", job: job.job });
}

/** Has the TaskExecutor end what the job's tasks left behind. A job that is closing waits for the answer. */
export function closeInExecutor(turn: Turn, job: JobActor): void {
  const { executor, graceMs } = turn.state;
  if (executor.type !== "ready" || job.closeSent) return;
  if (job.phase === "active" && !executor.opened.has(job.job)) return;
  job.closeSent = true;
  executor.opened.delete(job.job);
  const command = { type: "closeJob", job: job.job, graceMs } as const;
  turn.effects.push({ type: "tellExecutor", command, isForLater: job.phase !== "closing" });
}

/** `survivors` could not be ended in time; null if that is not known. */
export function onJobClosed(turn: Turn, id: JobSeq, survivors: number | null): void {
  const job = turn.state.jobs.get(id);
  if (job?.phase !== "closing") return;
  job.detail = leftoverText(survivors, turn.state.node);
  finishJob(turn, job);
}

function leftoverText(survivors: number | null, node: string): string | null {
  if (survivors === 0) return null;
  if (survivors === null) return `whether its last process is gone could not be confirmed on ${node} in time`;
  const processes = survivors === 1 ? "1 process hangs" : `${survivors} processes hang`;
  return `${processes} in the kernel of ${node} and cannot be ended: see \`ps -eo pid,stat,args\`, state D`;
}

function finishJob(turn: Turn, job: JobActor): void {
  job.phase = "finished";
  job.finalState = jobOutcome(job);
  job.finishedAtMs = turn.clock.wallMs;
  job.changed = true;
  recordJobIfChanged(turn, job);
  tellFinished(turn, job);
}

function tellFinished(turn: Turn, job: JobActor): void {
  const finishedAtMs = job.finishedAtMs ?? turn.clock.wallMs;
  turn.effects.push({ type: "reportFinished", report: reportOf(job), finishedAtMs, detail: job.detail });
}

/** To a new manager, whatever is finished and not yet released is told again. */
export function tellFinishedAgain(turn: Turn): void {
  for (const job of turn.state.jobs.values()) if (job.phase === "finished") tellFinished(turn, job);
}

export function onJobReleased(turn: Turn, id: JobSeq): void {
  if (turn.state.jobs.get(id)?.phase !== "finished") return;
  turn.state.jobs.delete(id);
  turn.effects.push({ type: "forgetJob", job: id });
}

/** Tells the manager how the job stands, at most every REPORT_INTERVAL_MS; what is held back is told by a timer. */
export function reportProgress(turn: Turn, job: JobActor): void {
  if (job.phase !== "active" || job.seq === job.reportedSeq) return;
  const { monoMs } = turn.clock;
  if (monoMs < job.reportAtMs) {
    if (!job.reportPending) turn.state.timers.add(job.reportAtMs, { type: "report", job: job.job });
    job.reportPending = true;
    return;
  }
  job.reportAtMs = monoMs + REPORT_INTERVAL_MS;
  job.reportedSeq = job.seq;
  turn.effects.push({ type: "reportProgress", report: reportOf(job), running: sampleRunning(job) });
}

function sampleRunning(job: JobActor): RunningAttempt[] {
  const running: RunningAttempt[] = [];
  for (const live of job.live.notable()) {
    if (live.start === null) continue;
    running.push({ task: taskIndex(live.task), attempt: live.attempt, startedAtMs: live.start.atMs });
    if (running.length === REPORTED_RUNNING_MAX) break;
  }
  return running;
}

export function reportOf(job: JobActor): JobStanding {
  return {
    job: job.job,
    round: job.round,
    state: job.finalState ?? "running",
    tasks: taskCounts(job.counts),
    seq: job.seq,
    isPooled: isPooled(job),
  };
}
