/**
 * QManager ↔ QWorker. The QWorker binds the seat's ROUTER socket, the QManager connects a DEALER.
 *
 * Everything is absolute state with a serial or an epoch, never a difference, so that a repeated message changes nothing.
 * The QManager owns the queue and the slots, the QWorker owns its jobs. The plan of a job does not travel: it is immutable
 * once accepted, and the QWorker reads it from the manager's store.
 */
import * as v from "valibot";
import { byType } from "./byType.ts";
import { forkserverReportSchema } from "./executorLink.ts";
import {
  countField,
  environmentField,
  jobField,
  jobStateSchema,
  pauseModeSchema,
  seatField,
  taskCountsSchema,
  textField,
  wallMsField,
} from "./fields.ts";
import { DEMAND_CLASSES_MAX } from "./limits.ts";
import { resourcesSchema } from "./resources.ts";

/** Tasks of one priority and one shape that want slots: those that run and those that are ready. In order of need. */
const demandClassSchema = v.strictObject({
  priority: v.number(),
  resources: resourcesSchema,
  /** Clipped to what fits on the whole node. */
  count: countField,
});
export type DemandClass = v.InferOutput<typeof demandClassSchema>;
const demandField = v.pipe(v.array(demandClassSchema), v.maxLength(DEMAND_CLASSES_MAX));

/** Frames from the manager carry the manager's epoch, those from a QWorker the epoch of its seat. */
export const managerCommandSchema = byType([
  /** First on every connection. The answer is `workerReady`. */
  v.strictObject({
    type: v.literal("hello"),
    seat: seatField,
    seatEpoch: countField,
    capacity: resourcesSchema,
  }),
  v.strictObject({
    type: v.literal("assignJob"),
    job: jobField,
    round: countField,
    priority: v.number(),
    pause: pauseModeSchema,
    /** What the manager takes it to ask for; the QWorker says `demandSlots` where it knows better. */
    demand: demandField,
    /** The manager takes it to be one of the common pool, which asks for one cpu more from now on, until `demandSlots` says otherwise. */
    isPooled: v.boolean(),
  }),
  /**
   * The loan of a job is `resources` from now on. A raise holds at once; what a reduction frees is told by `loanHeld` with
   * this serial, again and again while attempts end: running ones are never preempted.
   */
  v.strictObject({
    type: v.literal("setLoan"),
    job: jobField,
    serial: countField,
    resources: resourcesSchema,
  }),
  v.strictObject({ type: v.literal("cancelJob"), job: jobField }),
  v.strictObject({ type: v.literal("setPause"), job: jobField, pause: pauseModeSchema }),
  /** The end of the job is durable in the queue: the QWorker may forget it. */
  v.strictObject({ type: v.literal("releaseJob"), job: jobField }),
  /** The job has ended and is to be deleted: everything of it in the seat's store. Answered by `jobDeleted`, also for an unknown one. */
  v.strictObject({ type: v.literal("deleteJob"), job: jobField }),
  /** Start nothing new; with `stop` also stop what runs (it will be repeated). Answer `drained` when nothing runs. */
  v.strictObject({ type: v.literal("drain"), stop: v.boolean(), graceMs: countField }),
  v.strictObject({ type: v.literal("reportStatus"), request: countField }),
  /** Answered at once with `alive`, also while the disk is full: who answers nothing for a whole lease is replaced. */
  v.strictObject({ type: v.literal("ping") }),
  /** Leave now. Sent when drained or idle. */
  v.strictObject({ type: v.literal("leave") }),
]);
export type ManagerCommand = v.InferOutput<typeof managerCommandSchema>;

const runningTaskSchema = v.strictObject({ name: textField, attempt: countField, startedAtMs: wallMsField });
export type RunningTask = v.InferOutput<typeof runningTaskSchema>;

const jobReportSchema = v.strictObject({
  job: jobField,
  round: countField,
  state: jobStateSchema,
  tasks: taskCountsSchema,
  /** Grows with every change of a task; a later report has a higher one. */
  seq: countField,
  /** It runs on what is lent to the seat's common pool. */
  isPooled: v.boolean(),
  /** A few of the longest running, for the live view. */
  running: v.array(runningTaskSchema),
});
export type JobReport = v.InferOutput<typeof jobReportSchema>;

export const workerFactSchema = byType([
  /** What this seat has and holds; after a restart of the manager its ledger is rebuilt from this. */
  v.strictObject({
    type: v.literal("workerReady"),
    seat: seatField,
    pid: countField,
    jobs: v.array(jobReportSchema),
    /** `inForce`: the forkserver keeps to it. Else `resources` is all that may run, since nobody has told it a cap yet. */
    loans: v.array(
      v.strictObject({
        job: jobField,
        serial: countField,
        resources: resourcesSchema,
        inForce: v.boolean(),
      }),
    ),
  }),
  /** Replaces the job's earlier demand. Empty: it needs nothing now. */
  v.strictObject({
    type: v.literal("demandSlots"),
    job: jobField,
    classes: demandField,
  }),
  /** The job holds at most `resources` from now on: the loan of this serial, or more while attempts run beyond it. */
  v.strictObject({
    type: v.literal("loanHeld"),
    job: jobField,
    serial: countField,
    resources: resourcesSchema,
  }),
  /** The round has ended: whatever was lent to the job, it holds nothing any more, and starts nothing. `jobFinished` follows. */
  v.strictObject({ type: v.literal("loanReturned"), job: jobField, round: countField }),
  v.strictObject({ type: v.literal("jobProgressed"), report: jobReportSchema }),
  /** The job's final state is flushed in the seat's store. Repeated until `releaseJob`. */
  v.strictObject({
    type: v.literal("jobFinished"),
    report: jobReportSchema,
    finishedAtMs: wallMsField,
    /** What a person has to know of the end beside the state, in a sentence; else null. */
    detail: v.nullable(textField),
  }),
  /**
   * The job only waits, and the QWorker has put it away: it is assigned again at `untilMs` (null: when it is resumed), or to be
   * cancelled. It holds nothing.
   */
  v.strictObject({
    type: v.literal("jobParked"),
    report: jobReportSchema,
    untilMs: v.nullable(wallMsField),
  }),
  /** The job could not be opened (damaged plan, no memory); it fails with this sentence. */
  v.strictObject({ type: v.literal("jobRefused"), job: jobField, detail: textField }),
  v.strictObject({ type: v.literal("jobDeleted"), job: jobField }),
  v.strictObject({ type: v.literal("drained") }),
  v.strictObject({ type: v.literal("alive") }),
  v.strictObject({
    type: v.literal("status"),
    request: countField,
    executors: v.array(v.strictObject({ pid: countField, forkserver: v.nullable(forkserverReportSchema) })),
    /** Frames that were refused since the start, by fault (`malformed`, `oldEpoch`, …). */
    refused: v.record(v.string(), countField),
  }),
]);
export type WorkerFact = v.InferOutput<typeof workerFactSchema>;

/** What a QWorker reads from the manager's store with a job, beside its plan. */
export const jobEnvironmentSchema = v.strictObject({
  env: environmentField,
  directory: textField,
  umask: countField,
});
export type JobEnvironment = v.InferOutput<typeof jobEnvironmentSchema>;
