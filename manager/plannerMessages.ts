/** What the planner is asked, and what it answers. */
import type { DocumentFault, ImportSettings } from "../protocol/clientLink.ts";
import type { Resources } from "../protocol/resources.ts";
import type { DemandClass } from "../protocol/workerLink.ts";

/** In a file or, if it is short, as it came. */
export type Document =
  | { readonly type: "file"; readonly path: string }
  | { readonly type: "bytes"; readonly bytes: Uint8Array };

export interface PlannerRequest {
  readonly id: number;
  readonly document: Document;
  /** Its name for messages. */
  readonly source: string;
  readonly capacity: Resources;
  readonly settings: ImportSettings;
  /** In which the job runs; null for a fresh one. */
  readonly folder: string | null;
  /** Of the submitter. */
  readonly environment: Readonly<Record<string, string>>;
}

export type PlannerAnswer =
  | {
      readonly type: "planned";
      readonly id: number;
      readonly name: string | null;
      readonly taskCount: number;
      readonly demand: readonly DemandClass[];
      readonly isOrdinarySingle: boolean;
      readonly plan: Uint8Array;
    }
  | {
      readonly type: "invalid";
      readonly id: number;
      readonly faults: readonly DocumentFault[];
      readonly total: number;
    }
  | { readonly type: "failed"; readonly id: number; readonly message: string };
