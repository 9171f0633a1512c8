/**
 * QWorker ↔ TaskExecutor. The QWorker binds the seat's ROUTER socket, the TaskExecutor connects a DEALER.
 *
 * Commands go down, facts come back. An attempt's end is repeated by the TaskExecutor after every new `welcome` until
 * it is acknowledged; an acknowledgement is sent only when the end is committed in the seat's store. Frames carry the
 * seat's epoch; a TaskExecutor refuses commands of a lower epoch than it has seen.
 */
import * as v from "valibot";
import { byType } from "./byType.ts";
import {
  attemptIdFields,
  bytesField,
  countField,
  environmentField,
  jobField,
  seatField,
  textField,
  wallMsField,
} from "./fields.ts";

const command = v.union([textField, v.pipe(v.array(textField), v.minLength(1))]);

/** Files that the document names for a task. */
const attemptFiles = v.strictObject({
  /** Where the stream goes, relative to the working folder; null is into the store. Both may be the same. */
  stdout: v.nullable(textField),
  stderr: v.nullable(textField),
  /** Paths and patterns, relative to the working folder, that have to be there after exit code 0. */
  outputs: v.array(textField),
});

/** What a shell attempt runs: a string for `/bin/sh -c`, or a list that is executed as it is. */
const shellAttempt = v.strictObject({
  kind: v.literal("shell"),
  ...attemptIdFields,
  /** The task's name, for `QREW_TASK`. */
  name: textField,
  cpusMilli: countField,
  /** It waits in the queue of the seat's common pool and runs under the cap of that, not of its job. */
  isPooled: v.boolean(),
  command,
  /** Added to the job's environment, over it. */
  env: environmentField,
  /** Text for the standard input; null is an empty one. */
  stdin: v.nullable(textField),
  /** Relative to the job's folder; null is that folder. */
  workdir: v.nullable(textField),
  /** Null where the task says nothing of files: most do not. */
  files: v.nullable(attemptFiles),
  /** An attempt of the same job: this one starts when that has succeeded, in its place, and is withdrawn if it does not. */
  after: v.nullable(v.strictObject({ task: attemptIdFields.task, attempt: attemptIdFields.attempt })),
});
/** Of one job: task and attempt, in turns. A million of them are numbers, not a million objects. */
const noopAttempts = v.pipe(
  v.array(countField),
  v.check((numbers) => numbers.length % 2 === 0, "tasks and attempts in turns"),
);
const attemptSpec = v.variant("kind", [shellAttempt]);
export type ShellAttemptSpec = v.InferOutput<typeof shellAttempt>;
export type AttemptSpec = v.InferOutput<typeof attemptSpec>;

/** What all attempts of a job share. Sent once per job to each TaskExecutor, before its first attempt. */
const jobContext = v.strictObject({
  job: jobField,
  env: environmentField,
  directory: textField,
  umask: countField,
});
export type JobContext = v.InferOutput<typeof jobContext>;

export const commandSchema = byType([
  /**
   * First after each `hello`, with its `greeting`: who speaks from now on. Nothing else is heeded before it, and no welcome to
   * an earlier hello is: whoever sent it does not know what is live here now.
   */
  v.strictObject({
    type: v.literal("welcome"),
    greeting: countField,
    seat: seatField,
    node: textField,
    instance: textField,
  }),
  v.strictObject({ type: v.literal("openJob"), context: jobContext }),
  v.strictObject({ type: v.literal("runAttempts"), attempts: v.array(attemptSpec) }),
  /** Answered by `noopsEnded`, not kept and not acknowledged: whoever misses the answer may run them again. */
  v.strictObject({ type: v.literal("runNoops"), job: jobField, attempts: noopAttempts }),
  /**
   * How many cpus the running attempts of a job may hold together; beyond it they wait in the forkserver's queue. Of COMMON_POOL: those of
   * all attempts that are pooled.
   */
  v.strictObject({ type: v.literal("setCap"), job: jobField, serial: countField, cpusMilli: countField }),
  /** SIGTERM to everything of the attempt, SIGKILL to what is left after the grace. One that has not started never does. */
  v.strictObject({
    type: v.literal("stopAttempts"),
    attempts: v.array(v.strictObject(attemptIdFields)),
    graceMs: countField,
  }),
  /** SIGSTOP to the process groups of all that runs of the job, also of what starts from now on; or SIGCONT. */
  v.strictObject({ type: v.literal("suspendJob"), job: jobField, suspended: v.boolean() }),
  /** The end is committed: the executor may forget the attempt and its temporary files. */
  v.strictObject({
    type: v.literal("acknowledgeAttempts"),
    attempts: v.array(v.strictObject(attemptIdFields)),
  }),
  /** No attempt of the job comes any more: end what its tasks left behind, then say `jobClosed`. */
  v.strictObject({ type: v.literal("closeJob"), job: jobField, graceMs: countField }),
  v.strictObject({ type: v.literal("reportStatus") }),
  /** Answered at once with `alive`: who answers nothing for a whole lease is replaced. */
  v.strictObject({ type: v.literal("ping") }),
  /** Leave: refused (not heeded) while an attempt is alive or undelivered. */
  v.strictObject({ type: v.literal("leave") }),
]);
export type ExecutorCommand = v.InferOutput<typeof commandSchema>;

/** What was captured of one stream. `cutBytes` were left out of the middle, at a marker. */
export const capturedOutputSchema = byType([
  v.strictObject({ type: v.literal("inline"), bytes: bytesField, cutBytes: countField }),
  v.strictObject({ type: v.literal("file"), path: textField, sizeBytes: countField, cutBytes: countField }),
]);
export type CapturedOutput = v.InferOutput<typeof capturedOutputSchema>;

/** How an attempt ended, as data. */
export const attemptOutcomeSchema = byType([
  v.strictObject({ type: v.literal("exited"), exitCode: countField }),
  /** Exit code 0, without `count` of the outputs that the task promised; the first are named. */
  v.strictObject({
    type: v.literal("outputsMissing"),
    missing: v.array(textField),
    count: countField,
  }),
  v.strictObject({ type: v.literal("signalled"), signal: textField }),
  /** SIGKILL, by the kernel for want of memory. */
  v.strictObject({ type: v.literal("outOfMemory") }),
  /** The process could not be started; `detail` is a sentence. `noProcess` is the node's fault, not the task's. */
  v.strictObject({
    type: v.literal("notStarted"),
    reason: v.picklist([
      "commandNotFound",
      "notExecutable",
      "noWorkdir",
      "noOutputFile",
      "argumentsTooLong",
      "noProcess",
      "other",
    ]),
    detail: textField,
  }),
  /** Stopped before it had started, or the attempt that it was to follow has not succeeded. */
  v.strictObject({ type: v.literal("withdrawn") }),
  /** It exited after a stop had reached it: that it says 0 means nothing. */
  v.strictObject({ type: v.literal("stopped"), exitCode: countField }),
  /** What ran it died with it; nobody knows how far it came. Not the task's fault. */
  v.strictObject({ type: v.literal("lost"), detail: textField }),
]);
export type AttemptOutcome = v.InferOutput<typeof attemptOutcomeSchema>;

export const usageSchema = v.strictObject({
  userSeconds: v.pipe(v.number(), v.finite()),
  systemSeconds: v.pipe(v.number(), v.finite()),
  maxRssBytes: countField,
});
export type Usage = v.InferOutput<typeof usageSchema>;

const attemptStarted = v.strictObject({
  ...attemptIdFields,
  startedAtMs: wallMsField,
  /** CLOCK_MONOTONIC of the node; comparable between attempts of one boot. */
  startedMonoMs: wallMsField,
  /** Null for kinds without a process. */
  pid: v.nullable(countField),
});
export type AttemptStarted = v.InferOutput<typeof attemptStarted>;

const attemptEnded = v.strictObject({
  ...attemptIdFields,
  outcome: attemptOutcomeSchema,
  /** Null when it never started. */
  startedAtMs: v.nullable(wallMsField),
  startedMonoMs: v.nullable(wallMsField),
  endedAtMs: wallMsField,
  endedMonoMs: wallMsField,
  /** Null where it cannot be measured (TypeScript twin, noop). */
  usage: v.nullable(usageSchema),
  /** Null is empty: most tasks print nothing. */
  stdout: v.nullable(capturedOutputSchema),
  stderr: v.nullable(capturedOutputSchema),
});
export type AttemptEnded = v.InferOutput<typeof attemptEnded>;

export const forkserverReportSchema = v.strictObject({
  pid: countField,
  flavour: v.picklist(["c", "typescript"]),
  runningAttempts: countField,
  runningCpusMilli: countField,
  queuedAttempts: countField,
  /** Ended and not yet acknowledged. */
  heldAttempts: countField,
});
export type ForkserverReport = v.InferOutput<typeof forkserverReportSchema>;

export const factSchema = byType([
  /**
   * First on every connection, and again after a reconnection: all attempts that are alive or whose end has not been
   * acknowledged. What the QWorker has dispatched and does not find here (or in an end that follows) is lost.
   */
  v.strictObject({
    type: v.literal("hello"),
    pid: countField,
    /** Number of this hello, from 1 in the life of the TaskExecutor: one that was sent to an earlier connection has a lower one. */
    greeting: countField,
    live: v.array(v.strictObject({ ...attemptIdFields, started: v.nullable(attemptStarted) })),
    /** Their ends follow the `welcome`. */
    ended: v.array(v.strictObject(attemptIdFields)),
  }),
  v.strictObject({ type: v.literal("attemptsStarted"), attempts: v.array(attemptStarted) }),
  v.strictObject({ type: v.literal("attemptsEnded"), attempts: v.array(attemptEnded) }),
  /** All of them began and succeeded at this moment. */
  v.strictObject({
    type: v.literal("noopsEnded"),
    job: jobField,
    attempts: noopAttempts,
    atMs: wallMsField,
    monoMs: v.pipe(v.number(), v.finite()),
  }),
  /** The cap holds from now on: what runs beyond it was running before and can only become less. */
  v.strictObject({
    type: v.literal("capSet"),
    job: jobField,
    serial: countField,
    runningCpusMilli: countField,
  }),
  /** Nothing of the job is alive on this node any more. `survivors` could not be ended within the deadline. */
  v.strictObject({ type: v.literal("jobClosed"), job: jobField, ended: countField, survivors: countField }),
  v.strictObject({ type: v.literal("alive") }),
  v.strictObject({
    type: v.literal("status"),
    pid: countField,
    forkserver: v.nullable(forkserverReportSchema),
  }),
]);
export type ExecutorFact = v.InferOutput<typeof factSchema>;
