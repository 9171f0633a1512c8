/**
 * Program ↔ QManager. The QManager binds a ROUTER socket, the client connects a DEALER.
 *
 * Only what changes something or has to be told at once goes this way; lists, tasks and output are read from the stores
 * (src/store), which also works while no manager runs. Every request has a number that its answers repeat.
 * `submissionOpened`, `jobAccepted` and a final `jobChanged` are sent when LMDB has flushed.
 */
import * as v from "valibot";
import { byType } from "./byType.ts";
import { forkserverReportSchema } from "./executorLink.ts";
import {
  bytesField,
  countField,
  environmentField,
  jobField,
  jobStateSchema,
  pauseModeSchema,
  taskCountsSchema,
  textField,
  wallMsField,
} from "./fields.ts";
import { HOLDERS_MAX, SUBMISSION_KEY_BYTES_MAX, WHOLE_DOCUMENT_BYTES_MAX } from "./limits.ts";
import { resourcesSchema } from "./resources.ts";

const request = { request: countField } as const;

/** Where a job's tasks run: a folder that exists, or a fresh one made for it in the state folder. */
const directorySchema = byType([
  v.strictObject({ type: v.literal("existing"), path: textField }),
  v.strictObject({ type: v.literal("fresh") }),
]);

export const WORKFLOW_FORMATS = ["qrew", "makeflow", "makeflow-json", "makeflow-jx", "wfformat"] as const;
export type WorkflowFormat = (typeof WORKFLOW_FORMATS)[number];

/** A thousand times slower than recorded is slow enough; sizes are bounded by the disk. */
const scaleSchema = v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(1000));

/** How a file of another tool is read. */
const importSettingsSchema = v.strictObject({
  /** Null: by the ending of the source, else by the content. */
  format: v.nullable(v.picklist(WORKFLOW_FORMATS)),
  /** Recorded times of WfFormat are multiplied by it. */
  timeScale: scaleSchema,
  /** Recorded sizes of files likewise. */
  sizeScale: scaleSchema,
  /** Variables of JX: objects in that language, of which each may use those before it. `source` is for people. */
  jx: v.pipe(v.array(v.strictObject({ source: textField, text: textField })), v.maxLength(64), v.readonly()),
});
export type ImportSettings = v.InferOutput<typeof importSettingsSchema>;

const submissionOptionsSchema = v.strictObject({
  /** Over the document's own name; null leaves it. */
  name: v.nullable(textField),
  /** Where the document comes from, for messages; decides YAML or JSON by its ending. */
  source: textField,
  directory: directorySchema,
  env: environmentField,
  umask: countField,
  import: importSettingsSchema,
  /** The document is a corrected one of this job, which has ended; what else is said here but `source` and `import` is not heeded. */
  retries: v.nullable(jobField),
  /** Added to the priority of each task. */
  priority: v.pipe(v.number(), v.integer(), v.minValue(-1000), v.maxValue(1000)),
});
export type SubmissionOptions = v.InferOutput<typeof submissionOptionsSchema>;

const wholeDocumentField = v.pipe(
  bytesField,
  v.check((bytes) => bytes.length <= WHOLE_DOCUMENT_BYTES_MAX),
);

const submissionKeySchema = v.pipe(v.string(), v.minBytes(1), v.maxBytes(SUBMISSION_KEY_BYTES_MAX));

export const clientRequestSchema = byType([
  v.strictObject({ type: v.literal("hello"), ...request, packageVersion: textField }),
  /**
   * An opened submission that is not sealed within SUBMISSION_LIFE_MS of its last piece is forgotten. Of those with the same
   * `key` one becomes a job, which all others are answered with; null: each is a job of its own. `isNewKey`: nobody has used the
   * key before, so that no job is looked for, and whoever repeats the submission does so with the same document. With a `whole`
   * document it is sealed as well, and answered as that; null: the document follows in pieces. With `follow` the job is followed
   * from its acceptance on, as by `followJobs`: under the number of the request that is answered by `jobAccepted`. Of a new job the
   * present state is not told, and the end may come before `jobAccepted`.
   */
  v.strictObject({
    type: v.literal("openSubmission"),
    ...request,
    options: submissionOptionsSchema,
    key: v.nullable(submissionKeySchema),
    isNewKey: v.boolean(),
    whole: v.nullable(wholeDocumentField),
    follow: v.boolean(),
  }),
  /** Piece number `index`, from 0; a repeated piece is acknowledged and ignored. */
  v.strictObject({
    type: v.literal("appendSubmission"),
    ...request,
    submission: countField,
    index: countField,
    bytes: bytesField,
  }),
  v.strictObject({
    type: v.literal("sealSubmission"),
    ...request,
    submission: countField,
    chunks: countField,
  }),
  /** A `jobChanged` now and at each change, of many jobs now and then, until `unfollow` or the job's end, which is told at once. */
  v.strictObject({
    type: v.literal("followJobs"),
    ...request,
    jobs: v.pipe(v.array(jobField), v.maxLength(10_000)),
  }),
  v.strictObject({ type: v.literal("unfollow"), ...request }),
  v.strictObject({
    type: v.literal("cancelJobs"),
    ...request,
    jobs: v.pipe(v.array(jobField), v.maxLength(10_000)),
  }),
  /** `off` resumes. Ended jobs, and those that are being cancelled, are passed over. */
  v.strictObject({
    type: v.literal("pauseJobs"),
    ...request,
    jobs: v.pipe(v.array(jobField), v.maxLength(10_000)),
    pause: pauseModeSchema,
  }),
  /** Opens the next round of a job that has ended; answered by `jobAccepted`. With a corrected document: `openSubmission`. */
  v.strictObject({ type: v.literal("retryJob"), ...request, job: jobField }),
  /** Deletes those that have ended; with `folders` their fresh folders too. Answered by `jobsPruned`; others are passed over. */
  v.strictObject({
    type: v.literal("pruneJobs"),
    ...request,
    jobs: v.pipe(v.array(jobField), v.maxLength(10_000)),
    folders: v.boolean(),
  }),
  v.strictObject({ type: v.literal("explainJob"), ...request, job: jobField }),
  v.strictObject({ type: v.literal("daemonStatus"), ...request }),
  /** `drain` waits for running attempts, `now` stops them; both keep the queue. `stopping` follows until the end. */
  v.strictObject({ type: v.literal("stopDaemon"), ...request, mode: v.picklist(["drain", "now"]) }),
]);
export type ClientRequest = v.InferOutput<typeof clientRequestSchema>;

/** One fault of a document, with its place. */
export const documentFaultSchema = v.strictObject({
  message: textField,
  /** From 1; null where the fault has no place (an empty document). */
  line: v.nullable(countField),
  column: v.nullable(countField),
});
export type DocumentFault = v.InferOutput<typeof documentFaultSchema>;

/** More faults than this are counted, not listed. */
export const DOCUMENT_FAULTS_MAX = 100;

const jobSummarySchema = v.strictObject({
  job: jobField,
  name: textField,
  state: jobStateSchema,
  createdAtMs: wallMsField,
  startedAtMs: v.nullable(wallMsField),
  finishedAtMs: v.nullable(wallMsField),
  tasks: taskCountsSchema,
  /** What is to be known of its end that no task says, in a sentence; else null. */
  detail: v.nullable(textField),
});
export type JobSummary = v.InferOutput<typeof jobSummarySchema>;

const processSchema = v.strictObject({
  role: v.picklist(["manager", "worker", "executor", "forkserver"]),
  pid: countField,
  /** Null for the manager. */
  seat: v.nullable(countField),
  forkserver: v.nullable(forkserverReportSchema),
});

const daemonReportSchema = v.strictObject({
  packageVersion: textField,
  instance: textField,
  epoch: countField,
  startedAtMs: wallMsField,
  draining: v.boolean(),
  /** Leaves by itself when idle. */
  transient: v.boolean(),
  capacity: resourcesSchema,
  /** Sum of the loans. */
  lent: resourcesSchema,
  jobs: v.strictObject({ queued: countField, running: countField, parked: countField }),
  processes: v.array(processSchema),
  refusedFrames: v.record(v.string(), countField),
});
export type DaemonReport = v.InferOutput<typeof daemonReportSchema>;

/** Where a live job stands, and who holds what of the node. */
const jobStandingSchema = v.strictObject({
  place: byType([
    v.strictObject({ type: v.literal("ended") }),
    /** From 1; `ahead` is right before it. `seat` is where it has been before. */
    v.strictObject({
      type: v.literal("queued"),
      position: countField,
      ahead: v.nullable(jobField),
      seat: v.nullable(countField),
    }),
    v.strictObject({ type: v.literal("parked"), untilMs: v.nullable(wallMsField) }),
    /** Its QWorker serves. */
    v.strictObject({ type: v.literal("seated"), seat: countField }),
    v.strictObject({ type: v.literal("seatStarting") }),
    /** Its QWorker is started in a while, or never (`damage` is a sentence). */
    v.strictObject({
      type: v.literal("seatAbsent"),
      failures: countField,
      inMs: wallMsField,
      damage: v.nullable(textField),
    }),
  ]),
  draining: v.boolean(),
  capacity: resourcesSchema,
  /** Jobs that hold something, those that hold most first. */
  holders: v.pipe(
    v.array(v.strictObject({ job: jobField, name: textField, held: resourcesSchema })),
    v.maxLength(HOLDERS_MAX),
  ),
});
export type JobStanding = v.InferOutput<typeof jobStandingSchema>;

export const clientReplySchema = byType([
  v.strictObject({ type: v.literal("welcome"), ...request, packageVersion: textField, pid: countField }),
  v.strictObject({ type: v.literal("submissionOpened"), ...request, submission: countField }),
  v.strictObject({ type: v.literal("chunkAccepted"), ...request, index: countField }),
  /** `repeated`: the job was accepted before, under the same key. */
  v.strictObject({
    type: v.literal("jobAccepted"),
    ...request,
    job: jobField,
    tasks: countField,
    repeated: v.boolean(),
  }),
  v.strictObject({
    type: v.literal("documentInvalid"),
    ...request,
    faults: v.pipe(v.array(documentFaultSchema), v.maxLength(DOCUMENT_FAULTS_MAX)),
    /** All there are, also those not listed. */
    total: countField,
  }),
  /** `running` has at most eight names. */
  v.strictObject({
    type: v.literal("jobChanged"),
    ...request,
    summary: jobSummarySchema,
    running: v.array(v.strictObject({ name: textField, attempt: countField, startedAtMs: wallMsField })),
  }),
  v.strictObject({ type: v.literal("cancelAccepted"), ...request, jobs: v.array(jobField) }),
  v.strictObject({ type: v.literal("pauseAccepted"), ...request, jobs: v.array(jobField) }),
  v.strictObject({ type: v.literal("jobsPruned"), ...request, jobs: v.array(jobField) }),
  v.strictObject({ type: v.literal("jobStanding"), ...request, standing: jobStandingSchema }),
  v.strictObject({ type: v.literal("daemonReport"), ...request, report: daemonReportSchema }),
  v.strictObject({ type: v.literal("stopping"), ...request, runningAttempts: countField }),
  v.strictObject({ type: v.literal("unfollowed"), ...request }),
  /** The request is not carried out; `message` says what to do next. Request 0: the frame could not be read. */
  v.strictObject({
    type: v.literal("refused"),
    ...request,
    code: v.picklist(["notFound", "refused", "storeFull", "otherVersion", "internal"]),
    message: textField,
  }),
]);
export type ClientReply = v.InferOutput<typeof clientReplySchema>;
