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
 */
export interface Job {
  readonly id: JobSeq;
  context: ForkserverContext | null;
  capMilli: number;
  runningMilli: number;
  running: number;
  /** In the order of their arrival, but for those that followed another. */
  queue: Set<Attempt>;
  closing: Hunt | null;
  /** While it is closing: it has a context again. */
  reopened: boolean;
  suspended: boolean;
}

export const now = (): ForkserverTime => ({
  monoMs: Number(process.hrtime.bigint()) / 1e6,
  wallMs: performance.timeOrigin + performance.now(),
});
