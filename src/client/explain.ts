/**
 * Why a job, or a task of it, is where it is: in sentences that name what it waits for. Put together from the stores and from what the
 * manager says; without a manager that is the reason.
 */
import type { JobStanding } from "../../protocol/clientLink.ts";
import { assertNever } from "../../protocol/errors.ts";
import type { TaskIndex } from "../../protocol/ids.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import { formatTime, formatIn } from "./moments.ts";
import type { JobView } from "./jobView.ts";
import type { Asked, Reason, ReasonCode } from "./reasons.ts";
import { waitsForDependencies } from "./explainDependencies.ts";
import { waitsForSlots } from "./explainSlots.ts";
import type { TaskView } from "./readTasks.ts";

/** What holds the whole job up; null while its tasks may start. */
export function whyJobWaits({ job, standing, nowMs }: Asked): Reason | null {
  const { state, tasks } = job;
  if (isFinalJobState(state)) return { code: "ended", text: endText(job) };
  if (standing === null) {
    const text = "No daemon runs: it goes on with the next one, as `qrew daemon start` starts it.";
    return { code: "noDaemon", text };
  }
  if (job.cancelRequested) {
    const text = `It is being cancelled: ${tasks.running} running tasks are being stopped, and their last processes waited for.`;
    return { code: "cancelling", text };
  }
  if (job.pause !== "off") {
    const what = job.pause === "stop" ? "what runs is suspended" : "what runs goes on to its end";
    const rest = tasks.running > 0 ? `; ${what}` : "";
    return { code: "paused", text: `It is paused${rest}: \`qrew resume ${job.job}\` lets it go on.` };
  }
  if (standing.draining) {
    const text = "The daemon is stopping and starts nothing new: the next one goes on.";
    return { code: "draining", text };
  }
  return whyPlaceWaits(job, standing, nowMs);
}

function endText(job: JobView): string {
  const { failed, skipped } = job.tasks;
  if (job.state !== "failed") return `It has ended: ${job.state}.`;
  const because = job.detail ?? `${failed} of its tasks failed, ${skipped} were skipped because of that`;
  return `It has failed: ${because}. \`qrew retry ${job.job}\` runs what did not succeed again.`;
}

function whyPlaceWaits(job: JobView, { place }: JobStanding, nowMs: number): Reason | null {
  switch (place.type) {
    case "ended":
    case "seated":
      return null;
    case "queued": {
      const order = place.ahead === null ? "it is the next one" : `job ${place.ahead} is before it`;
      const text = `It waits for a place in a QWorker: all are taken by jobs of its priority or a higher one, and ${order} (number ${place.position} in the queue).`;
      return { code: "queued", text };
    }
    case "parked": {
      const when =
        place.untilMs === null
          ? "in a moment"
          : `at ${formatTime(place.untilMs)} (${formatIn(place.untilMs - nowMs)})`;
      const { backoff } = job.tasks;
      const text = `It only waits for the repetition of ${backoff} of its tasks, and is parked until the first is due, ${when}.`;
      return { code: "parked", text };
    }
    case "seatStarting":
      return { code: "worker", text: "Its QWorker is being started." };
    case "seatAbsent":
      if (place.damage !== null) return { code: "damagedSeat", text: place.damage };
      return {
        code: "worker",
        text:
          place.failures === 0
            ? "Its QWorker is being started."
            : `Its QWorker has failed ${place.failures} times in a row and is started again ${formatIn(place.inMs)}: see the log in the state folder.`,
      };
    default:
      return assertNever(place);
  }
}

/** Why the task is in its state, or what it waits for. */
export function explainTask(asked: Asked, task: TaskIndex): Reason {
  const view = asked.tasks.task(task);
  const standsStill = whyJobWaits(asked);
  switch (view.state) {
    case "succeeded":
    case "failed":
    case "cancelled":
    case "skipped":
      return { code: "ended", text: taskEndText(view) };
    case "running":
      return { code: "running", text: runningText(asked, view) };
    case "backoff":
      return heldUp(standsStill, ["parked"]) ?? { code: "backoff", text: backoffText(asked, task, view) };
    case "waiting":
      return waitsForDependencies(asked, task) ?? standsStill ?? waitsForSlots(asked, task);
    case "ready":
      if (standsStill !== null) return standsStill;
      if (
        view.attempt > 0 &&
        view.startedAtMs === null &&
        view.reason === null &&
        asked.tasks.isHandedOn(task)
      ) {
        const text = `Attempt ${view.attempt} is with the forkserver, and starts when one of the job's cpus is free.`;
        return { code: "handedOn", text };
      }
      return waitsForSlots(asked, task);
    default:
      return assertNever(view.state);
  }
}

/** What holds the job up, unless it is one of these, of which the task itself says more. */
const heldUp = (reason: Reason | null, but: readonly ReasonCode[]): Reason | null =>
  reason === null || but.includes(reason.code) ? null : reason;

function taskEndText(view: TaskView): string {
  const why = view.reason === null ? "" : `: ${view.reason}`;
  const attempt = view.attempt > 1 ? ` in attempt ${view.attempt}` : "";
  return `It has ended${attempt}: ${view.state}${why}.`;
}

function runningText({ job, nowMs }: Asked, view: TaskView): string {
  const since =
    view.startedAtMs === null
      ? ""
      : ` since ${formatTime(view.startedAtMs)} (${formatIn(view.startedAtMs - nowMs)})`;
  const still = job.pause === "stop" ? "; it is suspended, since the job is paused" : "";
  return `Attempt ${view.attempt} runs on ${view.node ?? "this node"}${since}${still}.`;
}

function backoffText({ tasks, nowMs }: Asked, task: TaskIndex, view: TaskView): string {
  const dueMs = tasks.retryAtMs(task);
  const when = dueMs === null ? "in a moment" : `at ${formatTime(dueMs)} (${formatIn(dueMs - nowMs)})`;
  const why = view.reason ?? "its end is on record";
  return `Attempt ${view.attempt} of ${Math.max(view.attemptsMax, view.attempt + 1)} failed (${why}); it is repeated ${when}.`;
}
