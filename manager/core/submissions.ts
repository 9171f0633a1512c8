/**
 * How a document comes in: opened, appended to piece by piece, sealed, planned away from this event loop, stored and flushed;
 * only then accepted. One that is not sealed expires.
 */
import type { ClientRequest } from "../../protocol/clientLink.ts";
import type { TaskCounts } from "../../protocol/fields.ts";
import { type JobSeq, jobSeq } from "../../protocol/ids.ts";
import {
  DOCUMENT_BYTES_MAX,
  ENVIRONMENT_BYTES_MAX,
  SUBMISSION_CHUNK_BYTES,
  SUBMISSION_LIFE_MS,
  SUBMISSION_WINDOW,
} from "../../protocol/limits.ts";
import type { JobRecord } from "../../src/store/managerRecords.ts";
import type { ClientId, ManagerEvent } from "./events.ts";
import { followNew, onFollowJobs } from "./following.ts";
import { admittedTo, isSeatFree, seatAtOnce } from "./admission.ts";
import { enqueue } from "./queue.ts";
import { whyNotNow } from "./rounds.ts";
import type { Submission } from "./state.ts";
import { refuse, reply, replyFlushed, type Turn, wakeAt } from "./turn.ts";

/** Documents on their way in at a time. Each may hold a file of DOCUMENT_BYTES_MAX on disk, and a thread while planned. */
const SUBMISSIONS_MAX = 1000;

/** A job has its place from the start if it is stored in a moment. */
const SEATED_TASKS_MAX = 1000;

type Asked<Name extends ClientRequest["type"]> = Extract<ClientRequest, { type: Name }>;
type Told<Name extends ManagerEvent["type"]> = Extract<ManagerEvent, { type: Name }>;

export function onOpenSubmission(turn: Turn, client: ClientId, asked: Asked<"openSubmission">): void {
  const { state } = turn;
  if (state.stopping !== null) {
    return refuse(
      turn,
      client,
      asked.request,
      "refused",
      "The daemon is stopping; submit again in a moment.",
    );
  }
  const why = asked.options.retries === null ? null : whyNotNow(turn, asked.options.retries);
  if (why !== null) return refuse(turn, client, asked.request, "refused", why);
  if (state.submissions.size >= SUBMISSIONS_MAX) {
    const message = `${SUBMISSIONS_MAX} submissions are under way; submit again when some are through.`;
    return refuse(turn, client, asked.request, "refused", message);
  }
  const sizeBytes = environmentBytes(asked.options.env);
  if (sizeBytes > ENVIRONMENT_BYTES_MAX) {
    const message = `The environment has ${sizeBytes} bytes, at most ${ENVIRONMENT_BYTES_MAX} are kept: use --clean-env.`;
    return refuse(turn, client, asked.request, "refused", message);
  }
  const id = state.nextSubmission++;
  const submission: Submission = {
    submission: id,
    client,
    options: asked.options,
    key: asked.key,
    isNewKey: asked.isNewKey,
    follow: asked.follow,
    phase: "open",
    demand: [],
    isOrdinarySingle: false,
    digest: null,
    chunks: 0,
    sizeBytes: 0,
    sealRequest: 0,
    pending: new Map(),
    expiresAtMs: turn.clock.monoMs + SUBMISSION_LIFE_MS,
  };
  state.submissions.set(id, submission);
  if (asked.whole === null) {
    return reply(turn, client, { type: "submissionOpened", request: asked.request, submission: id });
  }
  turn.effects.push({ type: "keepDocument", submission: id, bytes: asked.whole });
  seal(turn, submission, asked.request);
}

function environmentBytes(env: Readonly<Record<string, string>>): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(env)) bytes += name.length + value.length + 2;
  return bytes;
}

export function onAppendSubmission(turn: Turn, client: ClientId, asked: Asked<"appendSubmission">): void {
  const { request, index } = asked;
  const submission = ownSubmission(turn, client, asked.submission, request);
  if (submission === null) return;
  if (submission.pending.has(index)) {
    // Repeated before it was stored: answered when it is.
    submission.pending.set(index, request);
    return;
  }
  if (index < submission.chunks) return reply(turn, client, { type: "chunkAccepted", request, index });
  if (submission.phase !== "open" || index !== submission.chunks) {
    const message = `Piece ${index} came where piece ${submission.chunks} was expected; submit again.`;
    return abandon(turn, submission, request, "refused", message);
  }
  if (asked.bytes.length > SUBMISSION_CHUNK_BYTES || submission.pending.size >= SUBMISSION_WINDOW) {
    const message = `Pieces have at most ${SUBMISSION_CHUNK_BYTES} bytes, and ${SUBMISSION_WINDOW} may be under way.`;
    return abandon(turn, submission, request, "refused", message);
  }
  submission.sizeBytes += asked.bytes.length;
  if (submission.sizeBytes > DOCUMENT_BYTES_MAX) {
    const message = `The document has more than ${DOCUMENT_BYTES_MAX} bytes; use task arrays (foreach), or several jobs.`;
    return abandon(turn, submission, request, "refused", message);
  }
  submission.chunks += 1;
  submission.pending.set(index, request);
  submission.expiresAtMs = turn.clock.monoMs + SUBMISSION_LIFE_MS;
  turn.effects.push({ type: "storeChunk", submission: submission.submission, index, bytes: asked.bytes });
}

export function onChunkStored(turn: Turn, told: Told<"chunkStored">): void {
  const submission = turn.state.submissions.get(told.submission);
  const request = submission?.pending.get(told.index);
  if (submission === undefined || request === undefined) return;
  submission.pending.delete(told.index);
  reply(turn, submission.client, { type: "chunkAccepted", request, index: told.index });
}

export function onSealSubmission(turn: Turn, client: ClientId, asked: Asked<"sealSubmission">): void {
  const submission = ownSubmission(turn, client, asked.submission, asked.request);
  if (submission === null) return;
  if (submission.phase !== "open" || submission.pending.size > 0 || submission.chunks !== asked.chunks) {
    const message = `The document has ${submission.chunks} pieces here and ${asked.chunks} there; submit again.`;
    return abandon(turn, submission, asked.request, "refused", message);
  }
  seal(turn, submission, asked.request);
}

/** All of the document is here: from now on the request waits for what comes of it. */
function seal(turn: Turn, submission: Submission, request: number): void {
  submission.sealRequest = request;
  const { key, isNewKey } = submission;
  if (key === null) return planDocument(turn, submission);
  const waiting = turn.state.heldKeys.get(key);
  if (waiting !== undefined) {
    submission.phase = "waiting";
    waiting.push(submission.submission);
    return;
  }
  turn.state.heldKeys.set(key, []);
  if (isNewKey) planDocument(turn, submission);
  else lookUpKey(turn, submission, key);
}

function planDocument(turn: Turn, submission: Submission): void {
  submission.phase = "planning";
  turn.effects.push({ type: "planDocument", submission: submission.submission, options: submission.options });
}

function lookUpKey(turn: Turn, submission: Submission, key: string): void {
  submission.phase = "lookingUp";
  const { submission: id, options } = submission;
  turn.effects.push({ type: "lookUpKey", submission: id, key, options });
}

/** Under a key that has a job the answer is that job, if it came of the same document. */
export function onKeyLookedUp(turn: Turn, told: Told<"keyLookedUp">): void {
  const submission = turn.state.submissions.get(told.submission);
  if (submission === undefined) return;
  const { found, digest } = told;
  submission.digest = digest;
  if (found === null) return planDocument(turn, submission);
  const { client, sealRequest: request } = submission;
  if (found.digest !== null && found.digest !== digest) {
    const message =
      `The key ${JSON.stringify(submission.key)} belongs to job ${found.job}, which has another document or other ` +
      "options (name, priority, folder, import): submit the same again, or use another key.";
    return abandon(turn, submission, request, "refused", message);
  }
  const { job, tasks } = found;
  const accepted = { type: "jobAccepted", request, job, tasks, repeated: true } as const;
  replyFlushed(turn, client, accepted);
  if (submission.follow) onFollowJobs(turn, client, request, [job]);
  forget(turn, submission);
}

export function onDocumentRejected(turn: Turn, told: Told<"documentRejected">): void {
  const submission = turn.state.submissions.get(told.submission);
  if (submission === undefined) return;
  const { client, sealRequest: request } = submission;
  reply(turn, client, { type: "documentInvalid", request, faults: [...told.faults], total: told.total });
  forget(turn, submission);
}

export function onSubmissionFailed(turn: Turn, told: Told<"submissionFailed">): void {
  const submission = turn.state.submissions.get(told.submission);
  if (submission === undefined) return;
  if (submission.phase === "storing" && submission.options.retries !== null)
    turn.state.reopening.delete(submission.options.retries);
  const request = submission.phase === "open" ? firstPending(submission) : submission.sealRequest;
  abandon(turn, submission, request, told.code, told.message);
}

const firstPending = (submission: Submission): number => [...submission.pending.values()][0] ?? 0;

/** The document is sound: give the job its number and have it written. */
export function onDocumentPlanned(turn: Turn, told: Told<"documentPlanned">): void {
  const { state } = turn;
  const submission = state.submissions.get(told.submission);
  if (submission === undefined) return;
  submission.phase = "storing";
  submission.demand = told.demand;
  submission.isOrdinarySingle = told.isOrdinarySingle;
  const { options, key, digest } = submission;
  if (options.retries !== null) return storeRound(turn, submission, options.retries, told.taskCount);
  const queued: JobRecord = {
    job: jobSeq(state.nextJob++),
    name: options.name ?? told.name ?? nameOfSource(options.source),
    state: "queued",
    round: 1,
    planRound: 1,
    priority: options.priority,
    directory: options.directory.type === "existing" ? options.directory.path : "",
    source: options.source,
    createdAtMs: turn.clock.wallMs,
    startedAtMs: null,
    finishedAtMs: null,
    seat: null,
    cancelRequested: false,
    pause: "off",
    parked: null,
    tasks: allWaiting(told.taskCount),
    detail: null,
  };
  // One transaction less before it begins.
  const seat = told.taskCount > SEATED_TASKS_MAX ? null : seatAtOnce(turn, queued.priority);
  const record =
    seat === null ? queued : { ...queued, ...admittedTo(seat, turn.clock, queued, isPooled(submission)) };
  turn.effects.push({
    type: "storeJob",
    submission: submission.submission,
    record,
    options,
    key: key === null ? null : { key, digest },
  });
}

/** A corrected document: the job that it is of has ended, and must still not have begun again. */
function storeRound(turn: Turn, submission: Submission, job: JobSeq, taskCount: number): void {
  const why = whyNotNow(turn, job);
  if (why !== null) return abandon(turn, submission, submission.sealRequest, "refused", why);
  turn.state.reopening.add(job);
  const { source } = submission.options;
  turn.effects.push({ type: "storeRound", submission: submission.submission, job, source, taskCount });
}

/** `data/big.yaml` is called `big`; what was read from standard input, `workflow`. */
function nameOfSource(source: string): string {
  const base = source.split("/").pop() ?? "";
  const stem = base.replace(/\.(ya?ml|json)$/i, "");
  return stem === "" || stem === "-" ? "workflow" : stem;
}

const allWaiting = (total: number): TaskCounts => ({
  total,
  waiting: total,
  ready: 0,
  running: 0,
  backoff: 0,
  succeeded: 0,
  failed: 0,
  cancelled: 0,
  skipped: 0,
});

export function onJobStored(turn: Turn, told: Told<"jobStored">): void {
  const record = seatedStill(turn, told.record);
  const job = enqueue(turn, record, true);
  const submission = turn.state.submissions.get(told.submission);
  job.isPooled = submission !== undefined && isPooled(submission);
  if (!job.isPooled) {
    // A loan goes out with the job, before its QWorker has read it.
    const demand = submission?.demand ?? [];
    job.borrower.demand = demand.map((of) => ({ ...of, priority: of.priority + record.priority }));
  }
  answerSeal(turn, told.submission, record.job, record.tasks.total);
}

/** Its place may have gone while it was stored: then it queues as all others do. */
function seatedStill(turn: Turn, record: JobRecord): JobRecord {
  if (record.seat === null || isSeatFree(turn, record.seat, record.priority)) return record;
  const tasks = allWaiting(record.tasks.total);
  const queued: JobRecord = { ...record, state: "queued", seat: null, startedAtMs: null, tasks };
  turn.effects.push({ type: "recordJob", record: queued });
  return queued;
}

const isPooled = ({ options, isOrdinarySingle }: Submission): boolean =>
  options.priority === 0 && isOrdinarySingle;

/** The job is on record: flushed, or with this turn. */
export function answerSeal(turn: Turn, id: number, job: JobSeq, tasks: number): void {
  const submission = turn.state.submissions.get(id);
  if (submission === undefined) return;
  const { client, sealRequest: request } = submission;
  const accepted = { type: "jobAccepted", request, job, tasks, repeated: false } as const;
  replyFlushed(turn, client, accepted, submission.follow);
  if (submission.follow) followNew(turn, client, request, job);
  forget(turn, submission);
}

/** Forgets what was opened and not sealed in time. */
export function expireSubmissions(turn: Turn): void {
  for (const submission of turn.state.submissions.values()) {
    if (submission.phase !== "open") continue;
    if (submission.expiresAtMs <= turn.clock.monoMs) forget(turn, submission);
    else wakeAt(turn, submission.expiresAtMs);
  }
}

function ownSubmission(turn: Turn, client: ClientId, id: number, request: number): Submission | null {
  const submission = turn.state.submissions.get(id);
  if (submission !== undefined && submission.client === client) return submission;
  refuse(turn, client, request, "notFound", "This submission has expired or was refused; submit again.");
  return null;
}

function abandon(
  turn: Turn,
  submission: Submission,
  request: number,
  code: "storeFull" | "internal" | "refused",
  message: string,
): void {
  // Who sent several pieces waits for an answer to each.
  for (const asked of new Set([request, ...submission.pending.values()])) {
    refuse(turn, submission.client, asked, code, message);
  }
  forget(turn, submission);
}

function forget(turn: Turn, submission: Submission): void {
  turn.state.submissions.delete(submission.submission);
  turn.effects.push({ type: "forgetSubmission", submission: submission.submission });
  const { key, phase } = submission;
  if (key !== null && phase !== "open" && phase !== "waiting") passKeyOn(turn, key);
}

/** One submission of a key at a time is on its way to become a job: the others see what came of it. */
function passKeyOn(turn: Turn, key: string): void {
  const { submissions, heldKeys } = turn.state;
  const waiting = heldKeys.get(key) ?? [];
  for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
    const next = submissions.get(id);
    // One that was given up meanwhile waits no more.
    if (next !== undefined) return lookUpKey(turn, next, key);
  }
  heldKeys.delete(key);
}
