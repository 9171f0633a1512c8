/** Everything that there is in one simulation, as its parts see each other. */
import type { JobSummary } from "../../protocol/clientLink.ts";
import type { AttemptId, JobSeq, SeatNumber } from "../../protocol/ids.ts";
import type { Resources } from "../../protocol/resources.ts";
import type { Disk, SimStore } from "./disk.ts";
import type { FaultSettings } from "./faultSettings.ts";
import type { ForkserverEnd } from "./forkserverLink.ts";
import type { Machine, SimProcess } from "./machine.ts";
import type { Mutation } from "./mutations.ts";
import type { Network } from "./network.ts";
import type { Random } from "./random.ts";
import type { TaskRun } from "./taskRun.ts";
import type { Timeline } from "./timeline.ts";
import type { SeatedJob } from "./seatedJob.ts";
import type { JobScript, JobVersion, TaskScript } from "./scripts.ts";

export const INSTANCE = "00000000-0000-4000-8000-000000000000";
export const NODE = "n1";
/** From SIGTERM to SIGKILL. */
export const GRACE_MS = 2000;
/** As they are usually set. */
export const LEASE_MS = 60_000;
export const CRASH_LIMIT = 3;

export interface WorldSettings {
  readonly capacity: Resources;
  readonly workersMax: number;
  readonly jobs: readonly JobScript[];
  readonly faults: FaultSettings;
  /** As the TypeScript twin: what it has started outlives it. */
  readonly forkserversLeaveOrphans: boolean;
}

export interface Named {
  readonly type: string;
}

export interface World {
  readonly settings: WorldSettings;
  readonly mutation: Mutation | null;
  readonly timeline: Timeline;
  readonly machine: Machine;
  readonly network: Network;
  readonly disk: Disk;
  readonly faults: Chances;
  readonly tasks: TaskProcesses;
  readonly invariants: Watcher;
  /** A stream of random numbers for a new part. */
  random(name: string): Random;
  note(who: string, what: string): void;
  noteTurn(process: SimProcess, events: readonly Named[], effects: readonly Named[]): void;
  /** An actor ends by itself. */
  noteFailure(process: SimProcess, error: unknown): void;
  /** Does `then` when everything that is committed now is on disk. */
  flush(process: SimProcess, store: SimStore, then: () => void): void;
  versionOfDocument(
    document: Uint8Array,
  ): { readonly script: JobScript; readonly version: JobVersion } | null;
  scriptOfJob(id: JobSeq): JobScript | null;
  /** By the document of the round that its job is in. */
  scriptOf(id: AttemptId): TaskScript;
  /** The living one; null if there is none. */
  forkserverOf(seat: SeatNumber): ForkserverEnd | null;
  startForkserver(seat: SeatNumber): void;
  stopDaemon(now: boolean): void;
  powerCut(): void;
}

/** Whether something goes wrong just now. */
interface Chances {
  slowsMessage(): boolean;
  doublesFrame(): boolean;
  spawnFails(): boolean;
  loadFails(): boolean;
  /** The power may be cut soon. */
  afterAssignment(): void;
  /** A point at which the process may die, and perhaps does. */
  crashesNow(process: SimProcess): boolean;
}

interface TaskProcesses {
  start(id: AttemptId, seat: SeatNumber): TaskRun;
  living(): readonly TaskRun[];
  liveOf(seat: SeatNumber): readonly TaskRun[];
  /** Whether what the task has promised is there. */
  hasOutputs(id: AttemptId): boolean;
  /** Promises that TaskExecutors have put on disk, by their paths. */
  readonly promises: Set<string>;
}

/** Who is told what happens, and judges it. */
interface Watcher {
  onStart(run: TaskRun, living: readonly TaskRun[]): void;
  onEnd(run: TaskRun): void;
  onAcknowledged(id: AttemptId, seat: SeatNumber): void;
  onAccepted(job: JobSeq, script: JobScript): void;
  onCancelAsked(job: JobSeq): void;
  onRetryAsked(job: JobSeq): void;
  onPruneAsked(job: JobSeq): void;
  onPruned(job: JobSeq): void;
  seatedJob(job: JobSeq): SeatedJob | null;
  onToldFinal(job: JobSeq, summary: JobSummary): void;
  onMalformed(receiver: string, detail: string): void;
}
