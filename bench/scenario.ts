/** What a scenario is: one question, asked of qrew and of what it is compared with. */
import type { Estimate } from "./statistics.ts";
import type { TargetKey } from "./targets.ts";

/** Samples of one contender in one question. */
export interface Series {
  /** The work, as a line of the table names it: `20,000 × /bin/true`. */
  readonly what: string;
  readonly contender: string;
  readonly unit: "tasks/s" | "ms" | "s" | "MB" | "%" | "processes";
  readonly samples: readonly number[];
  readonly estimate: Estimate;
  /** What the contender keeps of a task, for whoever reads the ratio. */
  readonly records: string;
  /** The ratio of qrew to this contender, or of this contender to qrew for times: above 1, qrew is faster. Null for qrew. */
  readonly speedup: Estimate | null;
}

/** A figure that has a target in targets.ts. */
export interface Figure extends Estimate {
  readonly key: TargetKey;
}

export interface Absence {
  readonly contender: string;
  /** Why it was not measured. */
  readonly reason: string;
}

export interface Measured {
  readonly series: readonly Series[];
  readonly figures: readonly Figure[];
  readonly absent: readonly Absence[];
  /** Sentences for the report. */
  readonly notes: readonly string[];
}

export interface Size {
  /** Rounds in which every contender runs once. */
  readonly pairs: number;
  /** Smaller amounts of work: for a quick look and for the gate, not for the table. */
  readonly quick: boolean;
  /** Also the other tools that are installed; else only what the targets need. */
  readonly peers: boolean;
}

/** What a scenario gets to work with. */
export interface Bench extends Size {
  /** Processes at a time: the cpus that this process may use, whole ones. */
  readonly parallel: number;
  /** A folder of its own for files, below the temporary folder; removed at the end. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Tells what is going on. */
  readonly say: (text: string) => void;
}

export interface Scenario {
  readonly name: string;
  /** A sentence that ends with a question mark. */
  readonly question: string;
  /** Rounds where the user names none. */
  readonly pairs: number;
  readonly run: (bench: Bench) => Promise<Measured>;
}

/** The first for the whole measurement, the second for `--quick`. */
export const sized = ({ quick }: Size, full: number, small: number): number => (quick ? small : full);

export const grouped = (count: number): string => count.toLocaleString("en-US");
