/**
 * Draining: nothing new starts. Caps go to 0; when they hold, what still waits in the forkserver's queue is withdrawn, and
 * what runs is waited for, or stopped. Tasks that did not end go back to ready: the next holder of the seat repeats them.
 */
import { stopAttempt } from "./attempts.ts";
import { capAll } from "./executorSession.ts";
import { recordTask } from "./records.ts";
import { isCapConfirmed } from "./loans.ts";
import type { JobActor } from "./state.ts";
import type { Turn } from "./turn.ts";

export function onDrainRequested(turn: Turn, stop: boolean, graceMs: number): void {
  const { state } = turn;
  state.drain = { stop: stop || state.drain?.stop === true, graceMs, told: false };
  capAll(turn);
}

/** A manager that has just come does not stop: it says so after its greeting, if it does. */
export function endDrain(turn: Turn): void {
  if (turn.state.drain === null) return;
  turn.state.drain = null;
  capAll(turn);
}

/** Stops what has to stop, withdraws what cannot start any more, and says `drained` once nothing is left. */
export function tendDrain(turn: Turn): void {
  const { drain, jobs, loading } = turn.state;
  if (drain === null || drain.told) return;
  for (const job of jobs.values()) {
    if (drain.stop) stopAll(turn, job, drain.graceMs);
    else withdrawQueued(turn, job);
  }
  // A job that is being read may have attempts of an earlier holder of the seat.
  if (loading.size > 0) return;
  for (const job of jobs.values()) if (job.live.size > 0 || job.phase === "closing") return;
  drain.told = true;
  turn.effects.push({ type: "tellManager", fact: { type: "drained" } });
}

function stopAll(turn: Turn, job: JobActor, graceMs: number): void {
  for (const live of job.live.values()) {
    if (live.stop !== null) continue;
    live.stop = "drain";
    recordTask(turn, job, live.task, { live });
    stopAttempt(turn, job, live, graceMs);
  }
}

/** Until the forkserver has confirmed that it starts nothing more, what is not known to run may run all the same. */
function withdrawQueued(turn: Turn, job: JobActor): void {
  const { executor } = turn.state;
  if (executor.type !== "ready" || !isCapConfirmed(job.account)) return;
  for (const live of job.live.values()) {
    const hasStarted = live.start !== null || live.following?.started;
    if (hasStarted || live.stop !== null) continue;
    live.stop = "drain";
    stopAttempt(turn, job, live, turn.state.graceMs);
  }
}
