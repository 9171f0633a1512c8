/** Why a task is in its state, in a few words that begin with the kind of reason. */
import { assertNever } from "../../protocol/errors.ts";
import type { TaskReason } from "../store/workerRecords.ts";

/** Exact, unlike the durations of views: a limit is shown as it was set. */
function formatLimit(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

const STOPS: Readonly<Record<Extract<TaskReason, { type: "stopping" }>["because"], string>> = {
  timeout: "it has reached its time limit",
  drain: "the daemon is stopped",
  crash: "what runs it died again and again",
};

/**
 * `exit code 7`, `signal SIGSEGV`, `time limit 10s`, `not started: …`, `dependency NAME failed`, `lost: …`, `cancelled`,
 * `missing output PATH`, `failFast: NAME failed`, `not needed: …`, `stopping: …`. `taskName` is the plan's.
 */
export function describeReason(reason: TaskReason, taskName: (task: number) => string): string {
  switch (reason.type) {
    case "exited":
      return `exit code ${reason.exitCode}`;
    case "signalled":
      // What qrew kills itself has another reason: a limit, a cancel.
      return reason.signal === "SIGKILL" ? "signal SIGKILL, not sent by qrew" : `signal ${reason.signal}`;
    case "outOfMemory":
      return "signal SIGKILL, by the kernel for want of memory";
    case "timedOut":
      return `time limit ${formatLimit(reason.timeoutMs)}`;
    case "notStarted":
      return `not started: ${reason.detail}`;
    case "dependency":
      return `dependency ${taskName(reason.task)} ${reason.state}`;
    case "lost":
      return `lost: ${reason.detail}`;
    case "cancelled":
      return "cancelled";
    case "stopping":
      return `stopping: ${STOPS[reason.because]}`;
    case "follows":
      return `waits for ${taskName(reason.task)}`;
    case "failFast":
      return `failFast: ${taskName(reason.task)} failed`;
    case "outputsMissing": {
      const more = reason.count - reason.missing.length;
      const names = reason.missing.map((name) => JSON.stringify(name)).join(", ");
      return `missing ${reason.count === 1 ? "output" : "outputs"} ${names}${more > 0 ? ` and ${more} more` : ""}`;
    }
    case "notNeeded":
      return reason.when === "failure"
        ? "not needed: nothing that it depends on failed"
        : "not needed: something that it depends on was not needed";
    default:
      return assertNever(reason);
  }
}
