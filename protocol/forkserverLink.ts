/**
 * TaskExecutor ↔ forkserver: what the two say, as unions. The bytes are in forkserverCommandCodec.ts and
 * forkserverFactCodec.ts, the rules in forkserver.md. Commands go to the forkserver, facts come back; an end is repeated
 * to every new controller until it is acknowledged.
 *
 * Strings may not contain a zero byte. Times are milliseconds with fractions: `monoMs` of CLOCK_MONOTONIC (comparable
 * within a boot), `wallMs` since 1970.
 */
import type { AttemptId, JobSeq, TaskIndex } from "./ids.ts";

/** Number of this link's format; `hello` carries it and another one is refused. */
export const FORKSERVER_VERSION = 4;

/** What the attempts of a job share; replaces an earlier one. */
export interface ForkserverContext {
  readonly type: "context";
  readonly job: JobSeq;
  readonly directory: string;
  readonly umask: number;
  /** `NAME=value` each. */
  readonly env: readonly string[];
}

/** An attempt of the same job. */
export interface FollowedAttempt {
  readonly task: TaskIndex;
  readonly attempt: number;
}

export interface ForkserverSpawn {
  readonly type: "spawn";
  readonly key: AttemptId;
  readonly cpusMilli: number;
  /** The job in whose queue it waits, and under whose cap it runs: its own, or COMMON_POOL. */
  readonly pool: JobSeq;
  /** At least one; without a slash the first is looked up in the PATH of the attempt's environment. */
  readonly argv: readonly string[];
  /** `NAME=value` each, over the context's by name. The mark has to be among them. */
  readonly env: readonly string[];
  /** Absolute, relative to the context's directory, or empty for that directory. */
  readonly workdir: string;
  /** Null is /dev/null. */
  readonly stdin: string | null;
  /** Absolute; both may be the same. */
  readonly stdoutPath: string;
  readonly stderrPath: string;
  /** Value of `QREW_MARK` in the attempt's environment: how its strays are found. */
  readonly mark: string;
  /** Starts when that attempt of the same job has succeeded; else it is withdrawn. Null: as soon as its turn comes. */
  readonly after: FollowedAttempt | null;
}

export type ForkserverCommand =
  | { readonly type: "hello"; readonly version: number; readonly control: boolean }
  | ForkserverContext
  | ForkserverSpawn
  | { readonly type: "setCap"; readonly job: JobSeq; readonly serial: number; readonly cpusMilli: number }
  | { readonly type: "stop"; readonly key: AttemptId; readonly graceMs: number }
  | { readonly type: "suspendJob"; readonly job: JobSeq; readonly suspended: boolean }
  | { readonly type: "acknowledge"; readonly key: AttemptId }
  | { readonly type: "closeJob"; readonly job: JobSeq; readonly graceMs: number; readonly mark: string }
  | { readonly type: "report" }
  | { readonly type: "leave" };

/** Where a start failed. `spawn` is the node's fault (no process, no memory): worth a repetition. */
export const START_STEPS = ["chdir", "exec", "stdin", "stdout", "stderr", "spawn", "context"] as const;
export type StartStep = (typeof START_STEPS)[number];

export type ForkserverOutcome =
  | { readonly type: "exited"; readonly exitCode: number }
  | { readonly type: "signalled"; readonly signal: number }
  | { readonly type: "notStarted"; readonly errno: number; readonly step: StartStep }
  | { readonly type: "withdrawn" }
  /** It exited after it had been told to stop: that it says 0 means nothing. */
  | { readonly type: "stopped"; readonly exitCode: number };

export interface ForkserverTime {
  readonly monoMs: number;
  readonly wallMs: number;
}

export interface ForkserverUsage {
  readonly userMicros: number;
  readonly systemMicros: number;
  readonly maxRssBytes: number;
}

export interface ForkserverStarted {
  readonly type: "started";
  readonly key: AttemptId;
  readonly pid: number;
  readonly start: ForkserverTime;
}

/** What an attempt wrote to a stream: told with its end if it is short, else in a file. A file may be missing or empty. */
export type ForkserverStream =
  | { readonly type: "inline"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: "file"; readonly path: string };

export interface ForkserverEnded {
  readonly type: "ended";
  readonly key: AttemptId;
  readonly outcome: ForkserverOutcome;
  /** Processes of a stopped attempt that did not go although they were killed (they hang in the kernel). */
  readonly survivors: number;
  /** Null when it never started. */
  readonly start: ForkserverTime | null;
  readonly end: ForkserverTime;
  /** Null when it never started, and always from the TypeScript twin. */
  readonly usage: ForkserverUsage | null;
  readonly stdout: ForkserverStream;
  readonly stderr: ForkserverStream;
}

export interface ForkserverReportFact {
  readonly type: "report";
  readonly runningAttempts: number;
  readonly runningCpusMilli: number;
  readonly queuedAttempts: number;
  /** Ended and not yet acknowledged. */
  readonly heldAttempts: number;
}

export type ForkserverFlavour = "c" | "typescript";

export type ForkserverFact =
  | {
      readonly type: "welcome";
      readonly version: number;
      readonly pid: number;
      readonly flavour: ForkserverFlavour;
    }
  | ForkserverStarted
  | ForkserverEnded
  | { readonly type: "queued"; readonly key: AttemptId }
  | { readonly type: "listed" }
  | {
      readonly type: "capSet";
      readonly job: JobSeq;
      readonly serial: number;
      readonly runningCpusMilli: number;
    }
  | {
      readonly type: "jobClosed";
      readonly job: JobSeq;
      readonly ended: number;
      readonly survivors: number;
    }
  | ForkserverReportFact
  | { readonly type: "refused"; readonly reason: string };
