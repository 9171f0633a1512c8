/** States of jobs, as values that the cores may import. */
import type { JobState } from "./fields.ts";

export const isFinalJobState = (state: JobState): state is "succeeded" | "failed" | "cancelled" =>
  state === "succeeded" || state === "failed" || state === "cancelled";
