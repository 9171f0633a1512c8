/** Task states as codes, one byte a task. `ready` includes attempts that were sent and have not started. */
import type { TaskCounts } from "../../protocol/fields.ts";
import { TASK_STATES, type TaskState } from "../../src/store/workerRecords.ts";

export const WAITING = 0;
export const READY = 1;
export const RUNNING = 2;
export const BACKOFF = 3;
export const SUCCEEDED = 4;
export const FAILED = 5;
export const CANCELLED = 6;
export const SKIPPED = 7;

export const stateName = (code: number): TaskState => TASK_STATES[code] ?? "waiting";
export const stateCode = (name: TaskState): number => TASK_STATES.indexOf(name);
export const isFinal = (code: number): boolean => code >= SUCCEEDED;
export const STATE_CODES = TASK_STATES.length;

export function taskCounts(counts: Uint32Array): TaskCounts {
  const of = (code: number): number => counts[code] ?? 0;
  return {
    total: counts.reduce((sum, count) => sum + count, 0),
    waiting: of(WAITING),
    ready: of(READY),
    running: of(RUNNING),
    backoff: of(BACKOFF),
    succeeded: of(SUCCEEDED),
    failed: of(FAILED),
    cancelled: of(CANCELLED),
    skipped: of(SKIPPED),
  };
}
