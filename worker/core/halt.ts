/**
 * failFast: when a task has failed for good, what has not started is cancelled and what runs is stopped; the job ends `failed`.
 * Tasks that deal with failures (`when: failure` or `always`) are spared: they run when what they depend on has ended.
 */
import { WHEN_SUCCESS } from "../../src/workflow/plan.ts";
import { cancelUnstarted, decisionsFor, stopAttempt } from "./attempts.ts";
import { definitionOf, isQueued, openTasksWithoutAttempt } from "./job.ts";
import { OMEN_FAILURE, settle } from "./settle.ts";
import type { JobActor } from "./state.ts";
import { FAILED } from "./taskStates.ts";
import type { Turn } from "./turn.ts";

/** Once per holder of the seat: a job that comes from the store may have attempts that are still to be stopped. */
export function tendFailFast(turn: Turn, job: JobActor): void {
  if (!job.graph.failFast || job.haltedBy !== null || job.phase !== "active") return;
  if ((job.counts[FAILED] ?? 0) === 0) return;
  job.haltedBy = job.states.indexOf(FAILED);
  const cancelled = [...openTasksWithoutAttempt(job)].filter((task) => !isSpared(job, task));
  // All first: what one of them leads to would be skipped otherwise.
  for (const task of cancelled) cancelUnstarted(turn, job, task);
  for (const task of cancelled) settle(job, task, OMEN_FAILURE, decisionsFor(turn, job));
  dropQueued(job);
  for (const live of job.live.values()) {
    if (isSpared(job, live.task)) continue;
    live.stop = "cancel";
    stopAttempt(turn, job, live, turn.state.graceMs);
  }
}

const isSpared = (job: JobActor, task: number): boolean =>
  job.graph.when[definitionOf(job.graph, task)] !== WHEN_SUCCESS;

/** Leaves those in the queues that are still to run: their length is what the manager is asked for. */
function dropQueued(job: JobActor): void {
  for (const { queue } of job.groups) {
    for (let left = queue.length; left > 0; left--) {
      const task = queue.shift();
      if (task !== null && isQueued(job, task)) queue.push(task);
    }
  }
}
