/**
 * The state of a TaskExecutor: attempts between their start and the acknowledgement of their end.
 *
 * An attempt is `live` until the forkserver says that it ended, `collecting` while its output is read, `ended` until the
 * QWorker has acknowledged it. What is ended is told again after each welcome.
 */
import type { AttemptEnded, AttemptStarted, JobContext } from "../../protocol/executorLink.ts";
import type { ForkserverCommand, ForkserverFlavour } from "../../protocol/forkserverLink.ts";
import type { AttemptId, JobSeq, SeatNumber } from "../../protocol/ids.ts";
import type { PromiseOnDisk } from "./events.ts";
import type { TransientMap } from "../../src/transientMap.ts";

export interface ExecutorState {
  readonly seat: SeatNumber;
  readonly instance: string;
  readonly pid: number;
  /** Folder of the files into which running attempts write. */
  readonly spoolFolder: string;
  /** Name of the machine as the QWorker gave it; null before the first welcome. */
  node: string | null;
  /** Number of the latest hello; only the welcome to it counts. */
  greeting: number;
  welcomed: boolean;
  connected: boolean;
  readonly contexts: TransientMap<JobSeq, JobContext>;
  readonly caps: Map<JobSeq, Cap>;
  /** Jobs that the forkserver was told to close and has not closed yet. */
  readonly closing: Set<JobSeq>;
  readonly attempts: TransientMap<string, HeldAttempt>;
  forkserver: ForkserverState;
  /** Since when there is neither a QWorker nor anything to do. */
  idleSinceMs: number | null;
  readonly orphanMs: number;
  /** Attempts that were stopped because nobody has asked for them for too long; null before that. */
  orphans: Set<string> | null;
  left: boolean;
}

export interface Cap {
  readonly serial: number;
  readonly cpusMilli: number;
}

export type HeldAttempt =
  | {
      readonly type: "live";
      readonly id: AttemptId;
      readonly started: AttemptStarted | null;
      /** What it runs, for messages; null after an adoption. */
      readonly program: string | null;
      /** The document names files for it; true also after an adoption, when that is not known. */
      readonly hasFiles: boolean;
      /** Null if it has promised no outputs. */
      readonly promise: PromiseOnDisk | null;
    }
  | { readonly type: "collecting"; readonly id: AttemptId }
  | {
      readonly type: "ended";
      readonly id: AttemptId;
      readonly ended: AttemptEnded;
      readonly spool: readonly string[];
    };

export type ForkserverState =
  | { readonly type: "absent" }
  | { readonly type: "opening"; readonly waiting: ForkserverCommand[] }
  | { readonly type: "ready"; readonly pid: number; readonly flavour: ForkserverFlavour };
