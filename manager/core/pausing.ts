/**
 * Pausing and resuming: the wish is in the record; the QWorker that has the job is told of it, and puts the job away when its
 * last attempt has ended. A job that no QWorker has is parked at once.
 */
import type { PauseMode } from "../../protocol/fields.ts";
import type { JobSeq } from "../../protocol/ids.ts";
import { unqueueJob } from "./admission.ts";
import type { ClientId } from "./events.ts";
import { park } from "./parking.ts";
import { isUnknownRefused } from "./queue.ts";
import type { LiveJob } from "./state.ts";
import { replyFlushed, type Turn, updateJob } from "./turn.ts";

export function onPauseJobs(
  turn: Turn,
  client: ClientId,
  request: number,
  jobs: readonly JobSeq[],
  pause: PauseMode,
): void {
  if (isUnknownRefused(turn, client, request, jobs)) return;
  const accepted: JobSeq[] = [];
  for (const id of jobs) {
    const job = turn.state.jobs.get(id);
    // It has ended, or is about to.
    if (job === undefined || job.record.cancelRequested) continue;
    accepted.push(id);
    if (job.record.pause !== pause) setPause(turn, job, pause);
  }
  replyFlushed(turn, client, { type: "pauseAccepted", request, jobs: accepted });
}

function setPause(turn: Turn, job: LiveJob, pause: PauseMode): void {
  const { record } = job;
  if (pause === "off") {
    updateJob(turn, job, { pause, state: record.startedAtMs === null ? "queued" : "running" });
  } else if (unqueueJob(turn.state.queue, job)) {
    updateJob(turn, job, { pause, state: "paused", parked: record.parked ?? { untilMs: null } });
    park(turn, job);
  } else updateJob(turn, job, { pause, state: "paused" });
}
