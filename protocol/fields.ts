/** The checked building blocks that the links share. */
import * as v from "valibot";
import { jobSeq, seatNumber, taskIndex } from "./ids.ts";

const uint = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const u32 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff));

/** Milliseconds since 1970, with fractions; wall clock, shown to people, never used to judge order. */
export const wallMsField = v.pipe(v.number(), v.finite());
export const countField = uint;
export const jobField = v.pipe(u32, v.transform(jobSeq));
export const taskField = v.pipe(u32, v.transform(taskIndex));
export const seatField = v.pipe(u32, v.transform(seatNumber));
export const attemptField = v.pipe(u32, v.minValue(1));
export const TEXT_LENGTH_MAX = 1024 * 1024;
export const textField = v.pipe(v.string(), v.maxLength(TEXT_LENGTH_MAX));
export const bytesField = v.instance(Uint8Array);
export const environmentField = v.record(v.string(), v.string());

export const attemptIdFields = { job: jobField, task: taskField, attempt: attemptField } as const;

/** How many tasks of a job are in each state; they sum to `total`. */
export const taskCountsSchema = v.strictObject({
  total: uint,
  waiting: uint,
  ready: uint,
  running: uint,
  backoff: uint,
  succeeded: uint,
  failed: uint,
  cancelled: uint,
  skipped: uint,
});
export type TaskCounts = v.InferOutput<typeof taskCountsSchema>;

export const jobStateSchema = v.picklist(["queued", "running", "paused", "succeeded", "failed", "cancelled"]);
export type JobState = v.InferOutput<typeof jobStateSchema>;

/** `off`: it runs. `hold`: nothing new starts. `stop`: what runs is suspended too (SIGSTOP). */
export const pauseModeSchema = v.picklist(["off", "hold", "stop"]);
export type PauseMode = v.InferOutput<typeof pauseModeSchema>;
