/**
 * A paused job: nothing new starts (its cap is 0, what waits in the forkserver is withdrawn), what runs goes on. With `stop`
 * what runs is suspended as well, by SIGSTOP to its process groups; it keeps its slots, and its time limits stand still.
 */
import type { PauseMode } from "../../protocol/fields.ts";
import type { JobSeq } from "../../protocol/ids.ts";
import { WITHDRAW_ONLY_MS } from "../../protocol/limits.ts";
import { stopAttempt, watchDeadline } from "./attempts.ts";
import { sendCap } from "./dispatch.ts";
import { isPooled } from "./job.ts";
import { isCapConfirmed } from "./loans.ts";
import type { JobActor } from "./state.ts";
import type { Turn } from "./turn.ts";

export function onSetPause(turn: Turn, id: JobSeq, pause: PauseMode): void {
  const loading = turn.state.loading.get(id);
  if (loading !== undefined) loading.pause = pause;
  const job = turn.state.jobs.get(id);
  if (job !== undefined) setPause(turn, job, pause);
}

export function setPause(turn: Turn, job: JobActor, pause: PauseMode): void {
  if (job.pause === pause || job.phase !== "active" || job.cancelRequested) return;
  job.pause = pause;
  job.changed = true;
  const { executor } = turn.state;
  if (executor.type === "ready" && executor.opened.has(job.job) && !isPooled(job)) sendCap(turn, job);
}

/** Whether what runs of the job has to stand still. A daemon that drains lets it go on, so that it can end. */
const isSuspended = (turn: Turn, job: JobActor): boolean =>
  job.pause === "stop" && turn.state.drain === null && job.phase === "active" && !job.cancelRequested;

/** Withdraws what has not started, and has the forkserver suspend or continue what has. */
export function tendPause(turn: Turn, job: JobActor): void {
  const { executor } = turn.state;
  if (executor.type !== "ready" || !executor.opened.has(job.job)) return;
  if (job.pause !== "off" && turn.state.drain === null) withdrawUnstarted(turn, job);
  const suspended = isSuspended(turn, job);
  if (job.suspendTold === suspended) return;
  job.suspendTold = suspended;
  turn.effects.push({ type: "tellExecutor", command: { type: "suspendJob", job: job.job, suspended } });
  if (suspended) beginSuspension(turn, job);
  else endSuspension(turn, job);
}

function withdrawUnstarted(turn: Turn, job: JobActor): void {
  // The pool's cap is not the job's: what starts before it is withdrawn goes on, as what ran before the pause.
  if (!isPooled(job) && !isCapConfirmed(job.account)) return;
  for (const live of job.live.values()) {
    if (live.start !== null || live.stop !== null) continue;
    live.stop = "recall";
    stopAttempt(turn, job, live, WITHDRAW_ONLY_MS);
  }
}

function beginSuspension(turn: Turn, job: JobActor): void {
  if (job.suspendedSinceMs !== null) return;
  job.suspendedSinceMs = turn.clock.wallMs;
  job.changed = true;
}

function endSuspension(turn: Turn, job: JobActor): void {
  if (job.suspendedSinceMs === null) return;
  const lastedMs = Math.max(1, turn.clock.wallMs - job.suspendedSinceMs);
  job.suspendedMs += lastedMs;
  job.suspendedSinceMs = null;
  job.changed = true;
  for (const live of job.live.notable()) {
    if (live.deadlineMs !== null) watchDeadline(turn, job, live, live.deadlineMs + lastedMs);
  }
}
