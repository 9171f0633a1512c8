/** The life of an attempt as its facts come in: started, ended, lost; and what follows for the task. */
import type { AttemptEnded, AttemptStarted } from "../../protocol/executorLink.ts";
import { type AttemptId, type JobSeq, taskIndex } from "../../protocol/ids.ts";
import type { TaskReason } from "../../src/store/workerRecords.ts";
import { WHEN_FAILURE } from "../../src/workflow/plan.ts";
import { countLoss, endTrial, isBlamed } from "./blame.ts";
import { followerOf, isPremature, takePlace } from "./followers.ts";
import { classOf, definitionOf, makeReady, nextSeq, release, setState, stateOf } from "./job.ts";
import { recordTask } from "./records.ts";
import { backoffMs, failureReason, mayRepeat } from "./repetition.ts";
import { type Decisions, OMEN_FAILURE, OMEN_NONE, OMEN_UNNEEDED, settle } from "./settle.ts";
import type { JobActor, LiveAttempt } from "./state.ts";
import {
  BACKOFF,
  CANCELLED,
  FAILED,
  isFinal,
  RUNNING,
  SKIPPED,
  stateName,
  SUCCEEDED,
  WAITING,
} from "./taskStates.ts";
import type { Turn } from "./turn.ts";

/** The node had no process or descriptor to give; others may end meanwhile. */
const NO_PROCESS_DELAY_MS = 1000;

/** Weight of the latest attempt in the average duration. */
const AVERAGE_WEIGHT = 0.1;

/** The live attempt that a fact is about, or null when the fact is about an earlier one. */
export function findLive(turn: Turn, id: AttemptId): { job: JobActor; live: LiveAttempt } | null {
  const job = turn.state.jobs.get(id.job);
  const live = job?.live.get(id.task);
  if (job === undefined || live === undefined || live.attempt !== id.attempt) return null;
  return { job, live };
}

export function onAttemptStarted(turn: Turn, fact: AttemptStarted): void {
  const found = findLive(turn, fact);
  if (found === null || found.live.start !== null) return;
  const { job, live } = found;
  if (live.following !== null) {
    live.following.started = fact;
    return;
  }
  if (isPremature(job, live)) {
    // Of a job that is cancelled its leader's success does not count; it holds a cpu all the same.
    if (live.stop === "cancel") noteStart(job, live, fact.startedAtMs, fact.startedMonoMs, fact.pid);
    return;
  }
  noteStart(job, live, fact.startedAtMs, fact.startedMonoMs, fact.pid);
  setState(job, live.task, RUNNING);
  recordTask(turn, job, live.task, { live });
  watchTimeLimit(turn, job, live, fact.startedAtMs);
}

/** Of an attempt whose end is told as well, and has not been looked at yet. */
export function noteEarlyStart(turn: Turn, { startedAtMs, startedMonoMs, ...id }: AttemptEnded): void {
  const found = findLive(turn, id);
  if (found === null || startedAtMs === null) return;
  const { job, live } = found;
  if (live.start !== null || live.following !== null || isPremature(job, live)) return;
  noteStart(job, live, startedAtMs, startedMonoMs ?? 0, null);
}

function noteStart(job: JobActor, live: LiveAttempt, atMs: number, monoMs: number, pid: number | null): void {
  live.start = { seq: nextSeq(job), atMs, monoMs, pid };
  // It was quicker than its recall, which only withdraws what waits: running attempts are never preempted.
  if (live.stop === "recall") live.stop = null;
  job.account.runningCpusMilli += live.group.resources.cpusMilli;
}

/**
 * Starts the clock of an attempt that runs since `startedAtMs`, of which it was suspended for a while; also after a restart,
 * since timers are not on record.
 */
export function watchTimeLimit(
  turn: Turn,
  job: JobActor,
  live: LiveAttempt,
  startedAtMs: number,
  suspendedForMs = 0,
): void {
  const { timeoutMs } = classOf(job.graph, live.task);
  if (timeoutMs === null) return;
  const elapsedMs = Math.max(0, turn.clock.wallMs - startedAtMs - suspendedForMs);
  watchDeadline(turn, job, live, turn.clock.monoMs + timeoutMs - elapsedMs);
}

export function watchDeadline(turn: Turn, job: JobActor, live: LiveAttempt, deadlineMs: number): void {
  live.deadlineMs = deadlineMs;
  const { task, attempt } = live;
  turn.state.timers.add(deadlineMs, { type: "timeout", job: job.job, task, attempt });
}

/**
 * Records the end and acknowledges it. An end that is not awaited (an earlier attempt's) is only acknowledged; that of a job which is still
 * being read is told again after it has been.
 */
export function onAttemptEnded(turn: Turn, fact: AttemptEnded): void {
  if (turn.state.loading.has(fact.job)) return;
  const found = findLive(turn, fact);
  // Told before the end of the one that it follows: it counts after that. A withdrawal is what that end brings about.
  if (found?.live.following && fact.outcome.type !== "withdrawn") {
    found.live.following.ended = fact;
    return;
  }
  if (found !== null) {
    const { job, live } = found;
    // Start and end of a short attempt come together: the record of its end says both.
    if (live.start === null && fact.startedAtMs !== null) {
      noteStart(job, live, fact.startedAtMs, fact.startedMonoMs ?? 0, null);
    }
    const isPenalised = fact.outcome.type === "lost" && isBlamed(turn, live);
    takeFromSlot(turn, job, live);
    if (fact.stdout !== null || fact.stderr !== null) {
      const { task, attempt, stdout, stderr } = fact;
      turn.effects.push({ type: "recordOutputs", job: job.job, task, attempt, stdout, stderr });
    }
    settleEnd(turn, job, live, fact, isPenalised);
    releaseFollower(turn, job, live);
  }
  const id = { job: fact.job, task: fact.task, attempt: fact.attempt };
  turn.effects.push({
    type: "tellExecutor",
    command: { type: "acknowledgeAttempts", attempts: [id] },
    isForLater: true,
  });
}

/** The end of a noop by itself: of one that was told to stop. Nobody waits for an acknowledgement. */
export function onNoopEnded(turn: Turn, id: AttemptId, atMs: number, monoMs: number): void {
  const found = findLive(turn, id);
  if (found === null) return;
  const { job, live } = found;
  noteStart(job, live, atMs, monoMs, null);
  takeFromSlot(turn, job, live);
  const fact = {
    ...id,
    outcome: { type: "exited", exitCode: 0 },
    startedAtMs: atMs,
    startedMonoMs: monoMs,
    endedAtMs: atMs,
    endedMonoMs: monoMs,
    usage: null,
    stdout: null,
    stderr: null,
  } as const;
  settleEnd(turn, job, live, fact, false);
}

/** The attempt is over: what follows it takes its place, or comes back; what was told of that too early counts now. */
function releaseFollower(turn: Turn, job: JobActor, live: LiveAttempt): void {
  const follower = followerOf(job, live);
  if (follower === null) return;
  const { following } = follower;
  takePlace(job, follower);
  if (following === null) return;
  const { started, ended } = following;
  if (started !== null && ended === null) onAttemptStarted(turn, started);
  if (ended !== null) onAttemptEnded(turn, ended);
}

/** What ran the attempt is gone, and the attempt with it. */
export function loseAttempt(turn: Turn, job: JobActor, live: LiveAttempt, detail: string): void {
  settleLoss(turn, job, live, detail);
  releaseFollower(turn, job, live);
}

function settleLoss(turn: Turn, job: JobActor, live: LiveAttempt, detail: string): void {
  const isPenalised = !isPremature(job, live) && isBlamed(turn, live);
  takeFromSlot(turn, job, live);
  if (live.stop === "cancel") return finishTask(turn, job, live, CANCELLED, whyCancelled(job));
  // It did nothing, so nothing was lost with it.
  if (classOf(job.graph, live.task).executor === "noop") return withdraw(turn, job, live);
  repeatLost(turn, job, live, detail, isPenalised);
}

function takeFromSlot(turn: Turn, job: JobActor, live: LiveAttempt): void {
  endTrial(turn, job, live.task);
  job.live.delete(live.task);
  if (live.following === null) release(job, live.group);
  if (live.start !== null) job.account.runningCpusMilli -= live.group.resources.cpusMilli;
}

function settleEnd(
  turn: Turn,
  job: JobActor,
  live: LiveAttempt,
  fact: AttemptEnded,
  isPenalised: boolean,
): void {
  const { outcome } = fact;
  if (live.start !== null) noteDuration(job, fact.endedMonoMs - live.start.monoMs);
  if (live.stop === "cancel") return finishTask(turn, job, live, CANCELLED, whyCancelled(job), fact);
  if (outcome.type === "withdrawn") return withdraw(turn, job, live);
  if (isPremature(job, live)) return returnToReady(turn, job, live, "the attempt that it followed was lost");
  if (outcome.type === "exited" && outcome.exitCode === 0) {
    return finishTask(turn, job, live, SUCCEEDED, null, fact);
  }
  if (outcome.type === "lost") return repeatLost(turn, job, live, outcome.detail, isPenalised);
  if (live.stop === "crash") return repeatLost(turn, job, live, "what runs it died again and again", true);
  if (live.stop === "drain") return returnToReady(turn, job, live, "the daemon was stopped");
  // Told to stop by nobody here: its forkserver had to go, or an earlier holder of the seat has asked for it.
  if (outcome.type === "stopped" && live.stop === null) {
    return returnToReady(turn, job, live, "it was stopped with what ran it");
  }
  if (outcome.type === "notStarted" && outcome.reason === "noProcess") {
    giveNumberBack(job, live);
    const reason = failureReason(turn, job, live, outcome);
    return waitForRepetition(turn, job, live, NO_PROCESS_DELAY_MS, reason, fact);
  }
  settleFailedAttempt(turn, job, live, fact, failureReason(turn, job, live, outcome));
}

export function noteDuration({ account }: JobActor, durationMs: number): void {
  const before = account.averageMs ?? durationMs;
  account.averageMs = before + AVERAGE_WEIGHT * (durationMs - before);
}

/** The task's own fault: repeat it if its policy allows, else it has failed. */
function settleFailedAttempt(
  turn: Turn,
  job: JobActor,
  live: LiveAttempt,
  fact: AttemptEnded,
  reason: TaskReason,
): void {
  const failures = (job.failures[live.task] ?? 0) + 1;
  job.failures[live.task] = failures;
  const { retry } = classOf(job.graph, live.task);
  if (job.cancelRequested) return finishTask(turn, job, live, CANCELLED, { type: "cancelled" }, fact);
  if (failures > retry.limit || !mayRepeat(retry, reason))
    return finishTask(turn, job, live, FAILED, reason, fact);
  waitForRepetition(turn, job, live, backoffMs(retry, failures), reason, fact);
}

function waitForRepetition(
  turn: Turn,
  job: JobActor,
  live: LiveAttempt,
  delayMs: number,
  reason: TaskReason,
  fact: AttemptEnded,
): void {
  const { task } = live;
  const attempt = job.attempts[task] ?? 0;
  setState(job, task, BACKOFF);
  recordTask(turn, job, task, {
    live,
    ended: fact,
    reason,
    finishedSeq: nextSeq(job),
    finishedAtMs: fact.endedAtMs,
    retryAtMs: turn.clock.wallMs + delayMs,
  });
  turn.state.timers.add(turn.clock.monoMs + delayMs, { type: "retry", job: job.job, task, attempt });
}

function repeatLost(
  turn: Turn,
  job: JobActor,
  live: LiveAttempt,
  detail: string,
  isPenalised: boolean,
): void {
  if (isPenalised && countLoss(turn, job, live.task)) {
    const summary = `${detail}; ${job.losses[live.task] ?? 0} attempts were lost in this way (crashLimit)`;
    return finishTask(turn, job, live, FAILED, { type: "lost", detail: summary });
  }
  returnToReady(turn, job, live, detail);
}

/** It never began, so the next one may have its number. */
function giveNumberBack(job: JobActor, live: LiveAttempt): void {
  job.attempts[live.task] = live.attempt - 1;
}

function withdraw(turn: Turn, job: JobActor, live: LiveAttempt): void {
  giveNumberBack(job, live);
  returnToReady(turn, job, live, "it was withdrawn before it started");
}

function returnToReady(turn: Turn, job: JobActor, live: LiveAttempt, detail: string): void {
  if (job.cancelRequested) return finishTask(turn, job, live, CANCELLED, { type: "cancelled" });
  const reason = { type: "lost", detail } as const;
  if (live.after !== null && isPremature(job, live))
    return returnToWaiting(turn, job, live, live.after, reason);
  makeReady(job, live.task);
  recordTask(turn, job, live.task, { live, reason });
}

/** It followed another, which will be repeated; or has not succeeded, and this is when its task is decided. */
function returnToWaiting(
  turn: Turn,
  job: JobActor,
  live: LiveAttempt,
  leader: number,
  reason: TaskReason,
): void {
  setState(job, live.task, WAITING);
  recordTask(turn, job, live.task, { live, reason });
  if (isFinal(stateOf(job, leader))) skipWaiting(turn, job, live.task, OMEN_FAILURE, leader);
}

function finishTask(
  turn: Turn,
  job: JobActor,
  live: LiveAttempt,
  code: number,
  reason: TaskReason | null,
  fact?: AttemptEnded,
): void {
  setState(job, live.task, code);
  recordTask(turn, job, live.task, {
    live,
    finishedSeq: nextSeq(job),
    finishedAtMs: fact?.endedAtMs ?? turn.clock.wallMs,
    ...(fact === undefined ? {} : { ended: fact }),
    ...(reason === null ? {} : { reason }),
  });
  settleDependents(turn, job, live.task, code);
}

function settleDependents(turn: Turn, job: JobActor, task: number, code: number): void {
  settle(job, task, code === SUCCEEDED ? OMEN_NONE : OMEN_FAILURE, decisionsFor(turn, job));
}

/** What is decided by an end is queued, or recorded as skipped. */
export function decisionsFor(turn: Turn, job: JobActor): Decisions {
  return {
    ready: (task) => makeReady(job, task),
    skipped: (task, omen, because) => recordSkip(turn, job, task, omen, because),
  };
}

/** For a job from the store, in which what was decided by others may not be on record of the task itself. */
export function skipWaiting(turn: Turn, job: JobActor, task: number, omen: number, because: number): void {
  if (stateOf(job, task) !== WAITING) return;
  setState(job, task, SKIPPED);
  recordSkip(turn, job, task, omen, because);
  settle(job, task, omen, decisionsFor(turn, job));
}

function recordSkip(turn: Turn, job: JobActor, task: number, omen: number, because: number): void {
  const when = job.graph.when[definitionOf(job.graph, task)] === WHEN_FAILURE ? "failure" : "success";
  recordTask(turn, job, task, {
    finishedSeq: nextSeq(job),
    finishedAtMs: turn.clock.wallMs,
    reason:
      omen === OMEN_UNNEEDED
        ? { type: "notNeeded", when }
        : { type: "dependency", task: taskIndex(because), state: stateName(stateOf(job, because)) },
  });
}

/** A task without a live attempt is cancelled: its record says so. What follows is up to the caller. */
export function cancelUnstarted(turn: Turn, job: JobActor, task: number): void {
  setState(job, task, CANCELLED);
  recordTask(turn, job, task, {
    finishedSeq: nextSeq(job),
    finishedAtMs: turn.clock.wallMs,
    reason: whyCancelled(job),
  });
}

function whyCancelled(job: JobActor): TaskReason {
  if (job.cancelRequested || job.haltedBy === null) return { type: "cancelled" };
  return { type: "failFast", task: taskIndex(job.haltedBy) };
}

/** The wait is over, unless something else happened to the task meanwhile. */
export function onRetryDue(turn: Turn, jobId: JobSeq, task: number, attempt: number): void {
  const job = turn.state.jobs.get(jobId);
  if (job === undefined || job.states[task] !== BACKOFF || job.attempts[task] !== attempt) return;
  makeReady(job, task);
}

export function onTimeoutDue(turn: Turn, id: AttemptId): void {
  const found = findLive(turn, id);
  if (found === null || found.live.stop !== null) return;
  const { deadlineMs } = found.live;
  // It is suspended, or was: then a later timer counts.
  if (found.job.suspendedSinceMs !== null || deadlineMs === null || turn.clock.monoMs < deadlineMs) return;
  found.live.stop = "timeout";
  recordTask(turn, found.job, found.live.task, { live: found.live });
  stopAttempt(turn, found.job, found.live, turn.state.graceMs);
}

export function stopAttempt(turn: Turn, job: JobActor, live: LiveAttempt, graceMs: number): void {
  const id = { job: job.job, task: taskIndex(live.task), attempt: live.attempt };
  turn.effects.push({ type: "tellExecutor", command: { type: "stopAttempts", attempts: [id], graceMs } });
}
