/**
 * Submission of a document: opened, sent in pieces, sealed. The manager answers the seal when the job is durable or the
 * document is refused with all its faults.
 */
import type { ClientReply, DocumentFault, SubmissionOptions } from "../../protocol/clientLink.ts";
import { QrewError } from "../../protocol/errors.ts";
import type { JobSeq } from "../../protocol/ids.ts";
import {
  DOCUMENT_BYTES_MAX,
  ENVIRONMENT_BYTES_MAX,
  SUBMISSION_CHUNK_BYTES,
  SUBMISSION_WINDOW,
} from "../../protocol/limits.ts";
import type { Connection } from "./connection.ts";
import { unexpectedReply } from "./managerErrors.ts";

/** The manager reads and checks a million tasks in about ten seconds; a busy machine may need many times that. */
export const SEAL_TIMEOUT_MS = 120_000;

export type DocumentBytes = Uint8Array | AsyncIterable<Uint8Array>;

export interface Submission {
  readonly document: DocumentBytes;
  readonly options: SubmissionOptions;
  /** Called right before the manager is asked to accept. Until then an end of the connection leaves no job behind. */
  readonly onSeal?: () => void;
}

export interface AcceptedJob {
  readonly job: JobSeq;
  readonly tasks: number;
}

/**
 * Sends the document and resolves when the job is accepted, which means durable. Throws `invalidDocument` with one line
 * `source:line:column: message` for each fault, `refused` for a bound, `unreachable` when the manager goes away: then
 * nothing was accepted, unless the message says that it is not known.
 */
export async function submitDocument(connection: Connection, submission: Submission): Promise<AcceptedJob> {
  checkEnvironment(submission.options.env);
  const opened = await connection.request({ type: "openSubmission", options: submission.options });
  if (opened.type !== "submissionOpened") throw unexpectedReply("openSubmission", opened);
  const chunks = await sendPieces(connection, opened.submission, submission.document);
  submission.onSeal?.();
  const sealed = await seal(connection, opened.submission, chunks);
  if (sealed.type === "documentInvalid") {
    const source = sourceName(submission.options.source);
    throw invalidDocument(source, sealed.faults, sealed.total, "nothing was submitted");
  }
  if (sealed.type !== "jobAccepted") throw unexpectedReply("sealSubmission", sealed);
  return { job: sealed.job, tasks: sealed.tasks };
}

/** Returns the number of pieces. At most SUBMISSION_WINDOW of them are on the way. */
async function sendPieces(
  connection: Connection,
  submission: number,
  document: DocumentBytes,
): Promise<number> {
  const inFlight: Promise<void>[] = [];
  let index = 0;
  let totalBytes = 0;
  try {
    for await (const bytes of pieces(document)) {
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

async function sendPiece(
  connection: Connection,
  submission: number,
  index: number,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const reply = await connection.request({ type: "appendSubmission", submission, index, bytes });
  if (reply.type !== "chunkAccepted") throw unexpectedReply("appendSubmission", reply);
}

async function seal(connection: Connection, submission: number, chunks: number): Promise<ClientReply> {
  try {
    return await connection.request({ type: "sealSubmission", submission, chunks }, SEAL_TIMEOUT_MS);
  } catch (thrown) {
    const error = QrewError.from(thrown);
    if (error.code !== "unreachable") throw error;
    throw new QrewError(
      "unreachable",
      "The manager went away while it accepted the job: see with `qrew jobs` whether it is there before you submit it again.",
      [],
      { cause: error },
    );
  }
}

/** Cuts or joins what comes into pieces of SUBMISSION_CHUNK_BYTES; only the last one is shorter. */
export async function* pieces(document: DocumentBytes): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const source = document instanceof Uint8Array ? [document] : document;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const bytes of source) {
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

const tooLarge = (): QrewError =>
  new QrewError(
    "refused",
    `The document is larger than ${DOCUMENT_BYTES_MAX} bytes: use \`foreach\` for tasks that differ only in a number.`,
  );
