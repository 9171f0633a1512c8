/** States of jobs, as values that the cores may import. */
import type { JobState } from "./fields.ts";

/** A job that is in one of these has ended. */
export const FINAL_JOB_STATES = ["succeeded", "failed", "cancelled"] as const satisfies readonly JobState[];

export const isFinalJobState = (state: JobState): state is (typeof FINAL_JOB_STATES)[number] =>
  state === "succeeded" || state === "failed" || state === "cancelled";
