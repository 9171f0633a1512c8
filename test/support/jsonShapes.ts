/** What commands print with `--json`, as a program may rely on it: exact shapes, so that a field that comes or goes is seen. */
import * as v from "valibot";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const nullableCount = v.nullable(count);
const nullableText = v.nullable(v.string());
/** ISO 8601 with milliseconds, UTC. */
const time = v.pipe(v.string(), v.isoTimestamp(), v.regex(/\.\d{3}Z$/));
const nullableTime = v.nullable(time);
const version = v.literal(1);

const jobState = v.picklist(["queued", "running", "paused", "succeeded", "failed", "cancelled"]);
const taskState = v.picklist([
  "waiting",
  "ready",
  "running",
  "backoff",
  "succeeded",
  "failed",
  "cancelled",
  "skipped",
]);

const counts = v.strictObject({
  total: count,
  waiting: count,
  ready: count,
  running: count,
  backoff: count,
  succeeded: count,
  failed: count,
  cancelled: count,
  skipped: count,
});

const summaryFields = {
  id: count,
  name: v.string(),
  state: jobState,
  createdAt: time,
  startedAt: nullableTime,
  finishedAt: nullableTime,
  tasks: counts,
  detail: nullableText,
} as const;

const jobFields = {
  ...summaryFields,
  round: count,
  priority: v.number(),
  directory: v.string(),
  source: v.string(),
  cancelRequested: v.boolean(),
} as const;

const failure = v.strictObject({
  task: v.string(),
  attempt: count,
  attemptsMax: count,
  reason: nullableText,
  exitCode: nullableCount,
  signal: nullableText,
  stream: v.nullable(v.picklist(["stdout", "stderr"])),
  lastLines: v.array(v.string()),
});

const task = v.strictObject({
  name: v.string(),
  state: taskState,
  attempt: count,
  exitCode: nullableCount,
  signal: nullableText,
  startedAt: nullableTime,
  finishedAt: nullableTime,
  startedSeq: nullableCount,
  finishedSeq: nullableCount,
  node: nullableText,
  usage: v.nullable(v.strictObject({ cpuSeconds: v.number(), maxRssBytes: count })),
  reason: nullableText,
});
export type JsonTask = v.InferOutput<typeof task>;

const resources = v.strictObject({
  cpus: v.number(),
  memoryBytes: count,
  gpus: v.number(),
  named: v.record(v.string(), v.number()),
});

const forkserver = v.strictObject({
  pid: count,
  flavour: v.picklist(["c", "typescript"]),
  runningAttempts: count,
  runningCpusMilli: count,
  queuedAttempts: count,
  heldAttempts: count,
});

const daemonProcess = v.strictObject({
  role: v.picklist(["manager", "worker", "executor", "forkserver"]),
  pid: count,
  seat: nullableCount,
  forkserver: v.nullable(forkserver),
});
export type JsonProcess = v.InferOutput<typeof daemonProcess>;

const output = v.strictObject({
  task: v.string(),
  attempt: count,
  stream: v.picklist(["stdout", "stderr"]),
  path: nullableText,
  cutBytes: count,
  text: nullableText,
  base64: nullableText,
});

const fault = v.strictObject({
  message: v.string(),
  line: nullableCount,
  column: nullableCount,
  text: v.string(),
});

/** By the command that prints it. */
export const shapes = {
  submit: v.strictObject({ version, jobId: count, repeated: v.boolean() }),
  show: v.strictObject({ version, ...jobFields, errors: v.array(failure) }),
  jobs: v.strictObject({ version, jobs: v.array(v.strictObject(jobFields)), more: v.boolean() }),
  summaries: v.strictObject({ version, jobs: v.array(v.strictObject(summaryFields)) }),
  tasks: v.strictObject({ version, jobId: count, tasks: v.array(task) }),
  logs: v.strictObject({ version, jobId: count, outputs: v.array(output), running: v.array(v.string()) }),
  pruned: v.strictObject({ version, jobs: v.array(v.strictObject(summaryFields)), dryRun: v.boolean() }),
  explained: v.strictObject({
    version,
    jobId: count,
    reasons: v.array(
      v.strictObject({
        task: nullableText,
        state: v.union([jobState, taskState]),
        code: v.string(),
        text: v.string(),
      }),
    ),
  }),
  rounds: v.strictObject({
    version,
    rounds: v.array(v.strictObject({ jobId: count, round: count })),
  }),
  validate: v.strictObject({
    version,
    ok: v.boolean(),
    tasks: nullableCount,
    faults: v.array(fault),
    total: count,
  }),
  daemonStarted: v.strictObject({
    version,
    started: v.boolean(),
    pid: count,
    transient: v.boolean(),
    log: v.string(),
  }),
  daemonStopped: v.strictObject({ version, stopped: v.boolean(), pid: nullableCount }),
  daemonStatus: v.strictObject({
    version,
    running: v.literal(true),
    packageVersion: v.string(),
    home: v.string(),
    instance: v.pipe(v.string(), v.uuid()),
    epoch: count,
    startedAt: time,
    draining: v.boolean(),
    transient: v.boolean(),
    capacity: resources,
    lent: resources,
    jobs: v.strictObject({ queued: count, running: count, parked: count }),
    processes: v.array(daemonProcess),
    refusedFrames: v.record(v.string(), count),
  }),
  doctor: v.strictObject({
    version,
    ok: v.boolean(),
    findings: v.array(
      v.strictObject({
        topic: v.string(),
        level: v.picklist(["good", "warning", "fault"]),
        text: v.string(),
        advice: nullableText,
      }),
    ),
  }),
  config: v.strictObject({
    version,
    file: v.string(),
    settings: v.array(v.strictObject({ key: v.string(), value: nullableText, usual: v.string() })),
  }),
  setting: v.strictObject({ version, key: v.string(), value: nullableText }),
  graph: v.strictObject({
    version,
    name: v.string(),
    nodes: v.array(
      v.strictObject({
        id: count,
        name: v.string(),
        count,
        when: v.nullable(v.picklist(["failure", "always"])),
        states: v.nullable(v.record(v.string(), count)),
      }),
    ),
    edges: v.array(v.strictObject({ from: count, to: count, isSame: v.boolean() })),
  }),
  converted: v.strictObject({ version, document: v.record(v.string(), v.unknown()) }),
  verified: v.strictObject({
    version,
    home: v.string(),
    isSound: v.boolean(),
    stores: v.array(
      v.strictObject({
        name: v.string(),
        jobs: count,
        records: count,
        bytes: count,
        usedBytes: count,
        faults: v.array(v.string()),
        faultsTotal: count,
        strayPlans: count,
      }),
    ),
  }),
  backedUp: v.strictObject({
    version,
    folder: v.string(),
    stores: v.array(v.strictObject({ name: v.string(), entries: count, bytes: count })),
    outputBytes: count,
    bytes: count,
  }),
  restored: v.strictObject({
    version,
    home: v.string(),
    backup: v.string(),
    createdAt: time,
    asideFolder: nullableText,
  }),
  compacted: v.strictObject({
    version,
    home: v.string(),
    stores: v.array(v.strictObject({ name: v.string(), bytesBefore: count, bytes: count })),
    savedBytes: count,
  }),
  noDaemon: v.strictObject({ version, running: v.literal(false), home: v.string() }),
} as const;

/** The lines of `--ndjson`, by the command that prints them. */
export const lineShapes = {
  jobs: v.strictObject(jobFields),
  show: v.strictObject({ ...jobFields, errors: v.array(failure) }),
  wait: v.strictObject(summaryFields),
  tasks: task,
  logs: output,
} as const;

/** What a command printed, checked. Throws with the path of what does not fit. */
export function readJson<Schema extends v.GenericSchema>(
  schema: Schema,
  text: string,
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, JSON.parse(text));
  if (parsed.success) return parsed.output;
  throw new Error(`not of the documented shape: ${v.summarize(parsed.issues)}`);
}
