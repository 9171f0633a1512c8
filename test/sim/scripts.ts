/** What the users of a simulation want, and how their tasks behave: the script by which the node is judged. */
import type { Resources } from "../../protocol/resources.ts";

export type When = "success" | "failure" | "always";

/** How a task's process behaves. */
export interface TaskScript {
  readonly name: string;
  /** Indices of the tasks that have to end before. */
  readonly needs: readonly number[];
  readonly when: When;
  /** What makes it the same task in another document: what it runs, and what it depends on how. */
  readonly identity: string;
  readonly kind: "shell" | "noop";
  readonly resources: Resources;
  readonly durationMs: number;
  /** Runs that end with 1 before one ends with 0; those of earlier rounds count. */
  readonly failures: number;
  /** It promises an output. */
  readonly promises: boolean;
  /** Runs that end with 0 and have not made it, before one has. */
  readonly forgets: number;
  readonly retryLimit: number;
  readonly timeoutMs: number | null;
  /** On SIGTERM: ends of it, ends with 0, or does not heed it. */
  readonly onTerm: "dies" | "exitsZero" | "ignores";
}

/** A document, and what it says. */
export interface JobVersion {
  readonly document: Uint8Array;
  readonly plan: Uint8Array;
  readonly tasks: readonly TaskScript[];
  readonly failFast: boolean;
  readonly maxRunning: number | null;
}

export interface JobScript {
  /** The job's name, by which it is known again. */
  readonly name: string;
  readonly first: JobVersion;
  readonly rounds: readonly RoundScript[];
  readonly priority: number;
  readonly submitAtMs: number;
  readonly cancelAtMs: number | null;
  /** Under a key, what is submitted again is one job. */
  readonly key: string | null;
  readonly pause: PauseScript | null;
  /** It is deleted so long after its last end. */
  readonly pruneAfterMs: number | null;
}

/** A retry, so long after the end of the round before. */
export interface RoundScript {
  readonly afterMs: number;
  readonly corrected: JobVersion | null;
}

export interface PauseScript {
  readonly mode: "hold" | "stop";
  readonly fromMs: number;
  readonly untilMs: number;
}

/** All documents of a job, the first one first. */
export const versionsOf = ({ first, rounds }: JobScript): readonly JobVersion[] => [
  first,
  ...rounds.flatMap(({ corrected }) => (corrected === null ? [] : [corrected])),
];
