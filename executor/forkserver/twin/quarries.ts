/** What a stop, the end of an attempt, and the close of a job are after. */
import type { Quarry } from "../hunt.ts";
import type { ProcessInfo } from "../processes.ts";
import type { Attempt, Job, RunningState } from "./attempt.ts";

/** All of an attempt: its group, its session, and what carries its mark. */
export function attemptQuarry(all: Iterable<Attempt>, state: RunningState, mark: string): Quarry {
  return ofAttempt(all, state, (process) => {
    return (
      process.mark === mark || isOf(state, process, process.group) || isOf(state, process, process.session)
    );
  });
}

/** What an attempt that has ended left in its group. */
export function groupQuarry(all: Iterable<Attempt>, state: RunningState): Quarry {
  return ofAttempt(all, state, (process) => isOf(state, process, process.group));
}

/** What carries a job's mark. What an attempt is being stopped for is left to that: it has its own deadline. */
export function jobQuarry(all: Iterable<Attempt>, job: Job, prefix: string): Quarry {
  return {
    matches: ({ mark }) => mark.startsWith(prefix) && !isMarkOfRunning(all, mark),
    isOthers: ({ session }) => isLeaderOfRunning(all, session),
    unreapedLeader: () => null,
    // What waits aside is of its next round.
    mayConclude: () => job.running === 0,
  };
}

function ofAttempt(
  all: Iterable<Attempt>,
  state: RunningState,
  matches: (process: ProcessInfo) => boolean,
): Quarry {
  return {
    matches,
    isOthers: ({ session }) => isLeaderOfRunning(all, session),
    unreapedLeader: () => (state.outcome === null ? state.pid : null),
    mayConclude: () => state.outcome !== null,
  };
}

/**
 * Whether a group or session is the attempt's. A process with the first one's number, once that was reaped, is another:
 * then the number was given again.
 */
function isOf(state: RunningState, process: ProcessInfo, group: number): boolean {
  return group === state.pid && (process.pid !== state.pid || state.outcome === null);
}

function isMarkOfRunning(all: Iterable<Attempt>, mark: string): boolean {
  for (const { spawn, state } of all) if (state.type === "running" && spawn.mark === mark) return true;
  return false;
}

function isLeaderOfRunning(all: Iterable<Attempt>, pid: number): boolean {
  for (const { state } of all) if (state.type === "running" && state.pid === pid) return true;
  return false;
}
