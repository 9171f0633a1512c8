/** What the TaskExecutor's core is told, and what it wants done. */
import type { AttemptEnded, ExecutorCommand, ExecutorFact } from "../../protocol/executorLink.ts";
import type {
  ForkserverCommand,
  ForkserverEnded,
  ForkserverFact,
  ForkserverFlavour,
} from "../../protocol/forkserverLink.ts";
import type { AttemptId } from "../../protocol/ids.ts";

export interface Clock {
  readonly monoMs: number;
  readonly wallMs: number;
}

export type ExecutorEvent =
  /** The socket to the QWorker is connected, for the first time or again. */
  | { readonly type: "workerConnected" }
  | { readonly type: "workerDisconnected" }
  | { readonly type: "workerSaid"; readonly command: ExecutorCommand }
  /** One is there: an earlier TaskExecutor's, found at the start, or the one that was asked for. */
  | { readonly type: "forkserverOpened"; readonly pid: number; readonly flavour: ForkserverFlavour }
  | { readonly type: "forkserverSaid"; readonly fact: ForkserverFact }
  /** It has died, and what its attempts left behind is ended. */
  | { readonly type: "forkserverLost"; readonly detail: string }
  /** None can be started. */
  | { readonly type: "forkserverFailed"; readonly detail: string }
  /** The output of an ended attempt is read. */
  | { readonly type: "outputCollected"; readonly ended: AttemptEnded; readonly spool: readonly string[] }
  /** Ends that an earlier TaskExecutor has kept, since nobody came for them. */
  | { readonly type: "endsFound"; readonly ends: readonly AttemptEnded[] }
  | { readonly type: "woken" };

/** What is made for an attempt before it starts. */
export interface Preparation {
  /** Its working folder. */
  readonly folder: string;
  readonly umask: number;
  /** Where the forkserver is told to write. */
  readonly links: readonly { readonly link: string; readonly target: string }[];
  readonly promise: PromiseOnDisk | null;
}

/** Also of an attempt that an earlier TaskExecutor has started: then only the file says what it has promised, if it has. */
export interface PromiseOnDisk {
  readonly path: string;
  readonly made: AttemptPromise | null;
}

/** Paths and patterns, relative to the folder, that are there after exit code 0. */
export interface AttemptPromise {
  readonly folder: string;
  readonly outputs: readonly string[];
}

export type ExecutorEffect =
  | { readonly type: "tellWorker"; readonly fact: ExecutorFact }
  | { readonly type: "tellForkserver"; readonly command: ForkserverCommand }
  | { readonly type: "openForkserver" }
  /** Before the forkserver is told anything of this turn. */
  | { readonly type: "prepareAttempt"; readonly preparation: Preparation }
  /** Read what the attempt wrote and how it ended, look for what it promised; then `outputCollected`. */
  | {
      readonly type: "collectOutput";
      readonly fact: ForkserverEnded;
      readonly program: string | null;
      /** Null if it has promised nothing. */
      readonly promise: PromiseOnDisk | null;
    }
  /** The attempt is acknowledged: its temporary files are of no use any more. */
  | { readonly type: "discardSpool"; readonly id: AttemptId; readonly paths: readonly string[] }
  /** Keep the ends on disk, for the TaskExecutor that may come one day; before `leave`. */
  | { readonly type: "keepEnds"; readonly ends: readonly AttemptEnded[] }
  | { readonly type: "leave" };
