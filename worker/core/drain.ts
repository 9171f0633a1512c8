/**
 * Draining: nothing new starts. Caps go to 0; when they hold, what still waits in the forkserver's queue is withdrawn, and
 * what runs is waited for, or stopped. Tasks that did not end go back to ready: the next holder of the seat repeats them.
 */
import { stopAttempt } from "./attempts.ts";
import { capAll } from "./executorSession.ts";
import type { JobActor } from "./state.ts";
import type { Turn } from "./turn.ts";

export function onDrainRequested(turn: Turn, stop: boolean, graceMs: number): void {
  const { state } = turn;
  state.drain = { stop: stop || state.drain?.stop === true, graceMs, told: false };
  capAll(turn);
  if (!stop) return;
  for (const job of state.jobs.values()) {
    for (const live of job.live.values()) {
      live.stop ??= "drain";
      stopAttempt(turn, job, live, graceMs);
    }
  }
}

/** Withdraws what cannot start any more, and says `drained` once nothing is left. */
export function tendDrain(turn: Turn): void {
  const { drain, jobs } = turn.state;
  if (drain === null || drain.told) return;
  for (const job of jobs.values()) withdrawQueued(turn, job);
  for (const job of jobs.values()) if (job.live.size > 0 || job.phase === "closing") return;
  drain.told = true;
  turn.effects.push({ type: "tellManager", fact: { type: "drained" } });
}

function withdrawQueued(turn: Turn, job: JobActor): void {
  if (job.loan.capConfirmed !== job.loan.capSerial) return;
  for (const live of job.live.values()) {
    if (live.start !== null || live.stop !== null) continue;
    live.stop = "drain";
    stopAttempt(turn, job, live, turn.state.graceMs);
  }
}
