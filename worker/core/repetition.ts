/** Why an attempt has not succeeded, whether its task's policy allows another one, and after which wait. */
import type { AttemptOutcome } from "../../protocol/executorLink.ts";
import type { TaskReason } from "../../src/store/workerRecords.ts";
import type { RetryPolicy } from "../../src/workflow/plan.ts";
import { classOf } from "./job.ts";
import type { JobActor, LiveAttempt } from "./state.ts";
import type { Turn } from "./turn.ts";

export function failureReason(
  turn: Turn,
  job: JobActor,
  live: LiveAttempt,
  outcome: AttemptOutcome,
): TaskReason {
  if (live.stop === "timeout") {
    return { type: "timedOut", timeoutMs: classOf(job.graph, live.task).timeoutMs ?? 0 };
  }
  switch (outcome.type) {
    case "exited":
    case "stopped":
      return { type: "exited", exitCode: outcome.exitCode };
    case "outputsMissing":
      return outcome;
    case "signalled":
      return { type: "signalled", signal: outcome.signal };
    case "outOfMemory":
      return outcome;
    case "notStarted":
      return { type: "notStarted", reason: outcome.reason, detail: outcome.detail };
    case "lost":
      return { type: "lost", detail: outcome.detail };
    case "withdrawn":
      return { type: "lost", detail: `it was withdrawn on ${turn.state.node}` };
  }
}

/** The wait before repetition n, counted from 1. A power beyond all numbers times no wait is still no wait. */
export const backoffMs = (retry: RetryPolicy, repetition: number): number =>
  retry.backoffMs === 0 ? 0 : Math.min(retry.backoffMs * retry.factor ** (repetition - 1), retry.maxMs);

export function mayRepeat({ on }: RetryPolicy, reason: TaskReason): boolean {
  if (on === null) return true;
  switch (reason.type) {
    case "exited":
      return on.includes(reason.exitCode);
    case "signalled":
      return on.includes(reason.signal);
    case "timedOut":
      return on.includes("timeout");
    case "outputsMissing":
      return on.includes("outputs");
    default:
      return false;
  }
}
