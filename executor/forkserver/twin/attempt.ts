/** An attempt as the twin keeps it. */
import type { ChildProcess } from "node:child_process";
import type {
  ForkserverContext,
  ForkserverEnded,
  ForkserverOutcome,
  ForkserverSpawn,
  ForkserverTime,
} from "../../../protocol/forkserverLink.ts";
import type { JobSeq } from "../../../protocol/ids.ts";
import type { Hunt } from "../hunt.ts";
import { trySignal } from "../processes.ts";

export type AttemptState =
  | { readonly type: "queued" }
  | {
      readonly type: "running";
      readonly child: ChildProcess;
      readonly pid: number;
      readonly start: ForkserverTime;
      /** Set when it is being stopped. */
      hunt: Hunt | null;
      /** Set when its first process has ended. */
      outcome: ForkserverOutcome | null;
    }
  | { readonly type: "ended"; readonly fact: ForkserverEnded };

export type RunningState = Extract<AttemptState, { type: "running" }>;

export interface Attempt {
  readonly spawn: ForkserverSpawn;
  state: AttemptState;
  /** While it follows another attempt and is not in the queue: whom. */
  leader: Attempt | null;
  follower: Attempt | null;
  /** A stop has reached it while its first process lived. */
  stopAsked: boolean;
}

/**
 * Lives from its first command until closeJob is done. What comes after closeJob, a context first of all, is of its next round: that
 * waits until the close is done.
 *
 * It is two things: the job of the attempts that bear its number, and a pool, the cap and the queue of the attempts that were sent to
 * it. These are mostly its own, and may be of any job.
 */
export interface Job {
  readonly id: JobSeq;
  /** As a pool: cap, what runs under it, and who waits for that, in the order of arrival but for those that followed another. */
  capMilli: number;
  runningMilli: number;
  queue: Set<Attempt>;
  /** As a job, from here on. */
  context: ForkserverContext | null;
  running: number;
  /** While it is closing: what waits for the end of that, and then goes to the queues of its pools. */
  aside: Set<Attempt>;
  closing: Hunt | null;
  /** While it is closing: it has a context again. */
  reopened: boolean;
  suspended: boolean;
}

export const now = (): ForkserverTime => ({
  monoMs: Number(process.hrtime.bigint()) / 1e6,
  wallMs: performance.timeOrigin + performance.now(),
});

/** Whether attempts wait or run in its pool. */
export function isUsed(all: Iterable<Attempt>, pool: Job): boolean {
  for (const { spawn, state } of all) if (spawn.pool === pool.id && state.type !== "ended") return true;
  return false;
}

export const isSuccess = (outcome: ForkserverOutcome): boolean =>
  outcome.type === "exited" && outcome.exitCode === 0;

export const hasSucceeded = ({ state }: Attempt): boolean =>
  state.type === "ended" && isSuccess(state.fact.outcome);

/** Of an attempt that nobody is stopping, while its first process is unreaped: then the number is its group's. */
export function signalGroup(state: RunningState, suspended: boolean): void {
  if (state.hunt === null && state.outcome === null) trySignal(-state.pid, suspended ? "SIGSTOP" : "SIGCONT");
}

export function endFact(
  { spawn, state }: Attempt,
  outcome: ForkserverOutcome,
  survivors = 0,
): ForkserverEnded {
  return {
    type: "ended",
    key: spawn.key,
    outcome,
    survivors,
    start: state.type === "running" ? state.start : null,
    end: now(),
    usage: null,
    stdout: { type: "file", path: spawn.stdoutPath },
    stderr: { type: "file", path: spawn.stderrPath },
  };
}
