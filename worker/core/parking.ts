/**
 * A job that only waits is put away: nothing of it is live or ready, and it is paused, or its next repetition is far off. Its
 * state is in the store, the manager is told when it goes on, and its place is free for another.
 */
import type { JobReport } from "../../protocol/workerLink.ts";
import { reportOf } from "./lifecycle.ts";
import { recordJobIfChanged } from "./records.ts";
import type { JobActor } from "./state.ts";
import { BACKOFF, READY, RUNNING } from "./taskStates.ts";
import type { Turn } from "./turn.ts";

/** A wait that is worth it: shorter ones are most, and nobody waits long for a place that is kept for so long. */
const WAIT_MS_MIN = 15_000;
/** Loading takes 3 µs for each task; a hundred times that is a wait. */
const WAIT_MS_PER_TASK = 0.3;

/** Whether the job was parked; then it is gone from the state. */
export function parkIfWaiting(turn: Turn, job: JobActor): boolean {
  const { drain, jobs } = turn.state;
  if (job.phase !== "active" || job.cancelRequested || job.live.size > 0 || drain !== null) return false;
  const untilMs = waitsUntilMs(turn, job);
  if (untilMs === "busy") return false;
  job.parked = true;
  job.changed = true;
  recordJobIfChanged(turn, job);
  const { job: id } = job;
  const report: JobReport = { ...reportOf(job), state: "running", running: [] };
  turn.effects.push(
    { type: "tellManager", fact: { type: "jobParked", report, untilMs } },
    { type: "forgetJob", job: id },
  );
  jobs.delete(id);
  if (turn.state.executor.type === "ready") turn.state.executor.opened.delete(id);
  return true;
}

/** On the wall clock; null: until it is resumed. */
function waitsUntilMs(turn: Turn, job: JobActor): number | null | "busy" {
  if (job.pause !== "off") return null;
  const { counts } = job;
  if ((counts[READY] ?? 0) + (counts[RUNNING] ?? 0) > 0 || (counts[BACKOFF] ?? 0) === 0) return "busy";
  const { clock } = turn;
  const worthMs = WAIT_MS_MIN + WAIT_MS_PER_TASK * job.graph.taskCount;
  // Looked for once, when the last attempt has ended: what is due before that keeps the job here until then.
  if (clock.monoMs < job.busyUntilMs) return "busy";
  const dueMs = turn.state.timers.earliest(
    (timer) =>
      timer.type === "retry" &&
      timer.job === job.job &&
      job.states[timer.task] === BACKOFF &&
      job.attempts[timer.task] === timer.attempt,
  );
  if (dueMs === null) return "busy";
  if (dueMs - clock.monoMs < worthMs) {
    job.busyUntilMs = dueMs;
    return "busy";
  }
  return clock.wallMs + dueMs - clock.monoMs;
}
