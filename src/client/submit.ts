/**
 * Submission of a document: opened, sent in pieces, sealed. The manager answers the seal when the job is durable or the
 * document is refused with all its faults.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type {
  ClientReply,
  ClientRequest,
  DocumentFault,
  SubmissionOptions,
} from "../../protocol/clientLink.ts";
import { QrewError } from "../../protocol/errors.ts";
import type { JobSeq } from "../../protocol/ids.ts";
import {
  DOCUMENT_BYTES_MAX,
  ENVIRONMENT_BYTES_MAX,
  SUBMISSION_CHUNK_BYTES,
  SUBMISSION_KEY_BYTES_MAX,
  SUBMISSION_WINDOW,
  WHOLE_DOCUMENT_BYTES_MAX,
} from "../../protocol/limits.ts";
import type { Connection, RequestBody } from "./connection.ts";
import type { Reach } from "./follow.ts";
import { Gate } from "./gate.ts";
import { unexpectedReply } from "./managerErrors.ts";

/** The manager reads and checks a million tasks in about ten seconds; a busy machine may need many times that. */
export const SEAL_TIMEOUT_MS = 120_000;

/** A function gives the document anew each time, so that it can be sent again; a stream can be read once. */
export type DocumentBytes = Uint8Array | AsyncIterable<Uint8Array> | (() => AsyncIterable<Uint8Array>);

export interface Submission {
  readonly document: DocumentBytes;
  readonly options: SubmissionOptions;
  /**
   * Submissions with the same key are one job, whoever submits them and however often. Default: a key that nobody else has, so
   * that this one can be repeated when an answer was lost.
   */
  readonly key?: string;
  /** Called right before the manager is asked to accept. Until then an end of the connection leaves no job behind. */
  readonly onSeal?: () => void;
  /** Hears how the job goes on, from its acceptance on. */
  readonly follower?: Follower;
}

/** Sends the request that is answered by the acceptance, and hears what else is answered to it. It is asked anew of each manager. */
export interface Follower {
  ask(connection: Connection, body: RequestBody, timeoutMs: number): Promise<ClientReply>;
}

export interface AcceptedJob {
  readonly job: JobSeq;
  readonly tasks: number;
  /** The job was there before, under the same key. */
  readonly repeated: boolean;
}

/** Managers asked in a row; a machine that kills so many has other troubles. */
const SUBMIT_TRIES_MAX = 5;
/** Submissions of this process under way; the others wait for their turn. The manager refuses what is beyond a thousand of all clients. */
const UNDER_WAY_MAX = 256;
const gate = new Gate(UNDER_WAY_MAX);
/** Before the second try; the pause grows by this with each. */
const RETRY_STEP_MS = 200;

/**
 * Sends the document and resolves when the job is accepted, which means durable. A manager that goes away meanwhile is replaced and
 * asked again under the same key, so one submission is one job. Throws `invalidDocument` with one line
 * `source:line:column: message` for each fault, `refused` for a bound or a key of another document, `unreachable` when the
 * manager goes away for good: then nothing was accepted, unless the message says that it is not known.
 */
export async function submitDocument(reach: Reach, submission: Submission): Promise<AcceptedJob> {
  checkEnvironment(submission.options.env);
  checkKey(submission.key);
  await gate.enter();
  try {
    return await submitAccepted(reach, submission);
  } finally {
    gate.leave();
  }
}

async function submitAccepted(reach: Reach, submission: Submission): Promise<AcceptedJob> {
  const key = submission.key ?? newKey();
  const progress = { isSent: false, isSealed: false };
  const keyed: KeyedSubmission = {
    ...submission,
    key,
    isNewKey: submission.key === undefined,
    onPiece: () => {
      progress.isSent = true;
    },
    onSeal: () => {
      progress.isSealed = true;
      submission.onSeal?.();
    },
  };
  for (let tries = 1; ; tries += 1) {
    let connection: Connection | null = null;
    try {
      connection = await reach();
      return await submitOnce(connection, tries === 1 ? keyed : { ...keyed, isNewKey: false });
    } catch (thrown) {
      const error = QrewError.from(thrown);
      if (error.code !== "unreachable") throw error;
      const isSpent = connection === null || (progress.isSent && !isRepeatable(submission.document));
      if (isSpent || tries >= SUBMIT_TRIES_MAX)
        throw progress.isSealed ? unknownOutcome(error, submission.key) : error;
      await delay(tries * RETRY_STEP_MS);
    }
  }
}

/** Of this process alone, and in the order of time: what comes one after another lies side by side in the store. */
let keyPrefix: string | null = null;
let keysMade = 0;

function newKey(): string {
  keyPrefix ??= `${Date.now().toString(36)}-${randomUUID()}`;
  keysMade += 1;
  return `${keyPrefix}-${keysMade.toString(36).padStart(7, "0")}`;
}

interface KeyedSubmission extends Submission {
  readonly key: string;
  /** Nothing was sent under it yet, by nobody. */
  readonly isNewKey: boolean;
  readonly onPiece: () => void;
  readonly onSeal: () => void;
}

async function submitOnce(connection: Connection, submission: KeyedSubmission): Promise<AcceptedJob> {
  const { document, options, key, isNewKey, follower } = submission;
  let whole = shortBytes(document);
  if (whole === null) {
    const source = pieces(document);
    const first = await source.next();
    // All but the last piece are longer.
    whole = first.done === true ? NO_BYTES : first.value;
    if (whole.length > WHOLE_DOCUMENT_BYTES_MAX) {
      const sealed = await sendInPieces(connection, submission, [whole, source]);
      return accepted(sealed, options, "sealSubmission");
    }
  }
  submission.onPiece();
  submission.onSeal();
  const follow = follower !== undefined;
  const opening = { type: "openSubmission", options, key, isNewKey, whole, follow } as const;
  const sealed = await askToAccept(connection, opening, follower);
  return accepted(sealed, options, "openSubmission");
}

/** The answer takes as long as the document takes to be planned. */
const askToAccept = (
  connection: Connection,
  body: RequestBody,
  follower: Follower | undefined,
): Promise<ClientReply> =>
  follower === undefined
    ? connection.request(body, SEAL_TIMEOUT_MS)
    : follower.ask(connection, body, SEAL_TIMEOUT_MS);

const NO_BYTES = new Uint8Array(0);

/** A copy of what is there as a whole and short; else null. */
const shortBytes = (document: DocumentBytes): Uint8Array<ArrayBuffer> | null =>
  document instanceof Uint8Array && document.length <= WHOLE_DOCUMENT_BYTES_MAX
    ? Uint8Array.from(document)
    : null;

function accepted(
  sealed: ClientReply,
  options: SubmissionOptions,
  asked: ClientRequest["type"],
): AcceptedJob {
  if (sealed.type === "documentInvalid") {
    throw invalidDocument(sourceName(options.source), sealed.faults, sealed.total, "nothing was submitted");
  }
  if (sealed.type !== "jobAccepted") throw unexpectedReply(asked, sealed);
  return { job: sealed.job, tasks: sealed.tasks, repeated: sealed.repeated };
}

async function sendInPieces(
  connection: Connection,
  submission: KeyedSubmission,
  [first, rest]: readonly [Uint8Array<ArrayBuffer>, AsyncIterable<Uint8Array<ArrayBuffer>>],
): Promise<ClientReply> {
  const { options, key, isNewKey, follower } = submission;
  const follow = follower !== undefined;
  const opening = { type: "openSubmission", options, key, isNewKey, whole: null, follow } as const;
  const opened = await connection.request(opening);
  if (opened.type !== "submissionOpened") throw unexpectedReply("openSubmission", opened);
  const chunks = await sendPieces(connection, opened.submission, submission, [first, rest]);
  submission.onSeal();
  return askToAccept(connection, { type: "sealSubmission", submission: opened.submission, chunks }, follower);
}

const isRepeatable = (document: DocumentBytes): boolean =>
  document instanceof Uint8Array || typeof document === "function";

/** The document from its beginning, if it has not been read or can be read again. */
export const streamOf = (document: DocumentBytes): Iterable<Uint8Array> | AsyncIterable<Uint8Array> => {
  if (document instanceof Uint8Array) return [document];
  return typeof document === "function" ? document() : document;
};

function unknownOutcome(error: QrewError, key: string | undefined): QrewError {
  const advice =
    key === undefined
      ? "see with `qrew jobs` whether it is there before you submit it again"
      : "submit it again with the same key, which makes no second job";
  const message = `The manager went away while it accepted the job: ${advice}.`;
  return new QrewError("unreachable", message, [], { cause: error });
}

/** Returns the number of pieces. At most SUBMISSION_WINDOW of them are on the way. */
async function sendPieces(
  connection: Connection,
  submission: number,
  { onPiece }: KeyedSubmission,
  [first, rest]: readonly [Uint8Array<ArrayBuffer>, AsyncIterable<Uint8Array<ArrayBuffer>>],
): Promise<number> {
  const inFlight: Promise<void>[] = [];
  let index = 0;
  let totalBytes = 0;
  try {
    for await (const bytes of joined(first, rest)) {
      onPiece();
      totalBytes += bytes.length;
      if (totalBytes > DOCUMENT_BYTES_MAX) throw tooLarge();
      if (inFlight.length >= SUBMISSION_WINDOW) await inFlight.shift();
      const sent = sendPiece(connection, submission, index, bytes);
      // It may fail while the next piece is read; it is awaited later, and must not count as unheard until then.
      sent.catch(() => undefined);
      inFlight.push(sent);
      index += 1;
    }
    for (const sent of inFlight) await sent;
  } finally {
    // When one piece has failed the rest fail as well; they are heard, so that none is an unhandled rejection.
    await Promise.allSettled(inFlight);
  }
  return index;
}

async function* joined<Item>(first: Item, rest: AsyncIterable<Item>): AsyncGenerator<Item> {
  yield first;
  yield* rest;
}

async function sendPiece(
  connection: Connection,
  submission: number,
  index: number,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const reply = await connection.request({ type: "appendSubmission", submission, index, bytes });
  if (reply.type !== "chunkAccepted") throw unexpectedReply("appendSubmission", reply);
}

/** Cuts or joins what comes into pieces of SUBMISSION_CHUNK_BYTES; only the last one is shorter. */
export async function* pieces(document: DocumentBytes): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const bytes of streamOf(document)) {
    let rest = bytes;
    while (heldBytes + rest.length >= SUBMISSION_CHUNK_BYTES) {
      const taken = SUBMISSION_CHUNK_BYTES - heldBytes;
      yield Buffer.concat([...held, rest.subarray(0, taken)]);
      rest = rest.subarray(taken);
      held = [];
      heldBytes = 0;
    }
    if (rest.length > 0) held.push(rest);
    heldBytes += rest.length;
  }
  if (heldBytes > 0) yield Buffer.concat(held);
}

/** `-` is standard input, as on command lines. */
export const sourceName = (source: string): string => (source === "-" ? "stdin" : source);

/** `source:line:column: message`, as compilers and editors write it; without place `source: message`. */
export function formatFault(source: string, fault: DocumentFault): string {
  if (fault.line === null) return `${source}: ${fault.message}`;
  return `${source}:${fault.line}:${fault.column ?? 1}: ${fault.message}`;
}

/** The error for a document with `total` faults, of which `faults` are listed; `outcome` is what came of it, if that needs saying. */
export function invalidDocument(
  source: string,
  faults: readonly DocumentFault[],
  total: number,
  outcome: string | null = null,
): QrewError {
  const details = faults.map((fault) => formatFault(source, fault));
  if (total > faults.length) details.push(`and ${total - faults.length} more faults`);
  const count = total === 1 ? "a fault" : `${total} faults`;
  const sentence = `${source} has ${count}${outcome === null ? "" : `; ${outcome}`}.`;
  return new QrewError("invalidDocument", sentence, details);
}

function checkEnvironment(env: Readonly<Record<string, string>>): void {
  let bytes = 0;
  for (const [name, value] of Object.entries(env))
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + 2;
  if (bytes <= ENVIRONMENT_BYTES_MAX) return;
  throw new QrewError(
    "refused",
    `The environment has ${bytes} bytes, more than the ${ENVIRONMENT_BYTES_MAX} that a job can take along: unset what it does not need, or use --clean-env.`,
  );
}

function checkKey(key: string | undefined): void {
  if (key === undefined) return;
  const bytes = Buffer.byteLength(key);
  if (bytes >= 1 && bytes <= SUBMISSION_KEY_BYTES_MAX) return;
  throw new QrewError("usage", `A key has 1 to ${SUBMISSION_KEY_BYTES_MAX} bytes, this one has ${bytes}.`);
}

const tooLarge = (): QrewError =>
  new QrewError(
    "refused",
    `The document is larger than ${DOCUMENT_BYTES_MAX} bytes: use \`foreach\` for tasks that differ only in a number.`,
  );
