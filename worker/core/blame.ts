/**
 * Whom the death of what runs attempts is blamed on, so that a task that kills it again and again is failed by name, and those
 * that only ran beside it are not.
 *
 * A death counts as a loss of every attempt that was lost with it. A task with all but one of the losses that it may have is a
 * suspect: suspects run one at a time in a seat, beside all others, and while one is on trial a death is blamed on it alone. An
 * attempt that has run for TRIAL_MS is no longer on trial, since a long innocent one would hold up the other suspects. When a
 * task has had `crashLimit` losses it fails, and the losses of all others are forgotten: they ran beside it.
 *
 * When a TaskExecutor or a QWorker dies no attempt is lost. Only where they die young again and again, `crashLimit` times in a
 * row, something that runs there kills them: then what is on trial, or all that runs, is ended and counts as lost
 * (`executorSession.ts`).
 */
import { groupOf, isQueued } from "./job.ts";
import type { JobActor, LiveAttempt, Trial, WorkerState } from "./state.ts";
import type { Turn } from "./turn.ts";

/** What kills what runs it does so soon after its start. */
const TRIAL_MS = 60_000;

/** The losses of one death are told in several messages, which come together. */
const VERDICT_MS = 5000;

/** From how many losses on a task is a suspect. */
export const suspectFrom = (crashLimit: number): number => Math.max(1, crashLimit - 1);

/** Whether the loss of this attempt counts against its task. Asked before it is taken away. */
export function isBlamed(turn: Turn, live: LiveAttempt): boolean {
  const { state, clock } = turn;
  const accused = state.trial === null ? null : attemptOnTrial(state, state.trial);
  if (accused === null) return clock.monoMs >= state.verdictUntilMs;
  state.verdictUntilMs = clock.monoMs + VERDICT_MS;
  return accused === live;
}

/** What is told now was lost through no fault of its own. */
export function acquitAll(turn: Turn): void {
  turn.state.trial = null;
  turn.state.verdictUntilMs = turn.clock.monoMs + VERDICT_MS;
}

const attemptOnTrial = (state: WorkerState, { job, task }: Trial): LiveAttempt | null =>
  state.jobs.get(job)?.live.get(task) ?? null;

/** Ends the trial of an attempt that is over. */
export function endTrial(turn: Turn, job: JobActor, task: number): void {
  const { trial } = turn.state;
  if (trial !== null && trial.job === job.job && trial.task === task) turn.state.trial = null;
}

/** One more loss; true when it was the last that the task may have. Then all others are cleared. */
export function countLoss(turn: Turn, job: JobActor, task: number): boolean {
  const { state } = turn;
  const losses = (job.losses[task] ?? 0) + 1;
  job.losses[task] = losses;
  if (losses < state.crashLimit) return false;
  for (const other of state.jobs.values()) other.losses.fill(0);
  job.losses[task] = losses;
  return true;
}

/** Lets suspects into their queues while none is on trial: the one that is dispatched first is from then on. */
export function tendTrial(turn: Turn): void {
  const { state, clock } = turn;
  const { trial } = state;
  if (trial !== null) {
    const live = attemptOnTrial(state, trial);
    if (live !== null && live.start !== null && trial.endsMs === null) {
      trial.endsMs = clock.monoMs + TRIAL_MS;
      state.timers.add(trial.endsMs, { type: "trial" });
    }
    if (live !== null && (trial.endsMs === null || clock.monoMs < trial.endsMs)) return;
    state.trial = null;
  }
  for (const job of state.jobs.values()) admitSuspect(job);
}

function admitSuspect(job: JobActor): void {
  for (let task = job.suspects.shift(); task !== undefined; task = job.suspects.shift()) {
    if (!isQueued(job, task)) continue;
    groupOf(job, task).queue.push(task);
    return;
  }
}

/** Whether a task may be dispatched now; else it is put aside until the trial of another is over. */
export function mayBeTried(turn: Turn, job: JobActor, task: number): boolean {
  if (turn.state.trial === null || !isSuspect(job, task)) return true;
  job.suspects.push(task);
  return false;
}

/** The attempt of a suspect is on trial from its dispatch on. */
export function beginTrial(turn: Turn, job: JobActor, task: number): void {
  if (isSuspect(job, task)) turn.state.trial = { job: job.job, task, endsMs: null };
}

const isSuspect = (job: JobActor, task: number): boolean => (job.losses[task] ?? 0) >= job.suspectFrom;
