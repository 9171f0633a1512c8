/** What an explanation is made from, and what it is. */
import type { JobStanding } from "../../protocol/clientLink.ts";
import type { Plan } from "../workflow/plan.ts";
import type { JobView } from "./jobView.ts";
import type { JobTasks } from "./readTasks.ts";

/** What kind of reason it is, for programs. */
export type ReasonCode =
  | "ended"
  | "cancelling"
  | "noDaemon"
  | "draining"
  | "paused"
  | "queued"
  | "parked"
  | "worker"
  | "damagedSeat"
  | "dependency"
  | "slots"
  | "neverOffered"
  | "maxRunning"
  | "backoff"
  | "handedOn"
  | "running";

export interface Reason {
  readonly code: ReasonCode;
  /** One sentence. */
  readonly text: string;
}

export interface Asked {
  readonly job: JobView;
  readonly tasks: JobTasks;
  readonly plan: Plan;
  /** Null: no daemon runs. */
  readonly standing: JobStanding | null;
  readonly nowMs: number;
}
