/** What `run` and `submit` share: the document is read, the daemon is reached, the job is accepted. */
import { createReadStream, statSync } from "node:fs";
import path from "node:path";
import { QrewError } from "../../protocol/errors.ts";
import { DOCUMENT_BYTES_MAX } from "../../protocol/limits.ts";
import { DaemonLink } from "../client/link.ts";
import { daemonStatus } from "../client/status.ts";
import type { ImportSettings } from "../../protocol/clientLink.ts";
import { type AcceptedJob, type DocumentBytes, streamOf, submitDocument } from "../client/submit.ts";
import { readSettings } from "../client/settings.ts";
import { captureSurroundings } from "../client/surroundings.ts";
import { parseCpus, parseInteger, parseJobName } from "./arguments.ts";
import type { CommandContext } from "./context.ts";
import { type ImportFlags, importSettings } from "./importing.ts";
import { type Interruptible, interruptible } from "./interrupting.ts";

/** As commander gives them. */
export interface SubmissionFlags extends ImportFlags {
  readonly name?: string;
  readonly priority?: string;
  readonly key?: string;
  readonly dir?: string;
  readonly freshDir?: boolean;
  readonly cleanEnv?: boolean;
  readonly daemonCpus?: string;
  readonly json?: boolean;
}

/** What is submitted, wherever it comes from. */
export interface Work {
  readonly document: DocumentBytes;
  /** For messages; its ending may decide how the document is read. */
  readonly source: string;
  readonly import: ImportSettings;
}

export interface Submitted extends AcceptedJob {
  /** Still open; the caller closes it. */
  readonly link: DaemonLink;
}

/** `-` is stdin. */
export const fileWork = (file: string, flags: ImportFlags): Work => ({
  document: openDocument(file),
  source: file,
  import: importSettings(flags),
});

/**
 * Submits the work and resolves when the job is accepted, or when a signal has ended the attempt, which the user
 * was told. Starts a transient daemon if none runs.
 */
export async function submitWork(
  context: CommandContext,
  makeWork: () => Work | Promise<Work>,
  flags: SubmissionFlags,
): Promise<Interruptible<Submitted>> {
  const cpus = flags.daemonCpus === undefined ? null : parseCpus(flags.daemonCpus);
  const settings = {
    name: flags.name === undefined ? null : parseJobName(flags.name),
    priority: flags.priority === undefined ? null : parseInteger(flags.priority, "--priority", -1000, 1000),
    ...captureSurroundings(surroundingsOf(flags)),
  };
  const { document, ...where } = await makeWork();
  const home = await context.home();
  const priority = settings.priority ?? Number(readSettings(home.folder).get("submit.priority") ?? 0);
  const options = { ...settings, ...where, priority, retries: null };
  const key = flags.key === undefined ? {} : { key: flags.key };
  const resources = cpus === null ? {} : { resources: { cpus } };
  const link = new DaemonLink({
    home,
    start: "ifAbsent",
    transient: true,
    ...resources,
  });
  try {
    const outcome = await interruptible(context, async (onSeal) => {
      await link.reach();
      if (cpus !== null && !link.hasStarted) await noticeOtherCpus(context, link, cpus);
      return { ...(await submitDocument(link.reach, { document, options, onSeal, ...key })), link };
    });
    // A closed link seals nothing any more.
    if (outcome.type === "left") link.close();
    else if (outcome.result.repeated && key.key !== undefined) {
      context.terminal.note(`qrew: job ${outcome.result.job} was submitted before under this key`);
    }
    return outcome;
  } catch (error) {
    link.close();
    throw error;
  }
}

function surroundingsOf(flags: SubmissionFlags) {
  if (flags.dir !== undefined && flags.freshDir === true) {
    throw new QrewError("usage", "--dir and --fresh-dir exclude each other: leave one of them out.");
  }
  return {
    cleanEnv: flags.cleanEnv === true,
    freshDirectory: flags.freshDir === true,
    ...(flags.dir === undefined ? {} : { directory: existingFolder(flags.dir) }),
  };
}

function existingFolder(folder: string): string {
  const absolute = path.resolve(folder);
  const found = statSync(absolute, { throwIfNoEntry: false });
  if (found === undefined)
    throw new QrewError("notFound", `The folder ${absolute} does not exist: make it first.`);
  if (!found.isDirectory()) throw new QrewError("usage", `${absolute} is not a folder: --dir names one.`);
  return absolute;
}

/** Looked at before a daemon is started for it. */
export function openDocument(file: string): DocumentBytes {
  if (file === "-") return process.stdin;
  if (file === "")
    throw new QrewError("usage", "The name of the file is empty: name a workflow document, or - for stdin.");
  const found = statFile(file);
  if (found === undefined)
    throw new QrewError("notFound", `There is no file ${file}: name a workflow document, or - for stdin.`);
  if (found.isDirectory())
    throw new QrewError("usage", `${file} is a folder: name a workflow document in it.`);
  if (found.size > DOCUMENT_BYTES_MAX) {
    throw new QrewError(
      "refused",
      `${file} has ${found.size} bytes, more than the ${DOCUMENT_BYTES_MAX} of the largest document: use \`foreach\` for similar tasks.`,
    );
  }
  return () => readPieces(file);
}

/** All of it, for commands that read it themselves. */
export async function readWholeDocument(file: string): Promise<Uint8Array> {
  const document = openDocument(file);
  if (document instanceof Uint8Array) return document;
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of streamOf(document)) {
    bytes += piece.length;
    if (bytes > DOCUMENT_BYTES_MAX)
      throw new QrewError("refused", `The document is larger than ${DOCUMENT_BYTES_MAX} bytes.`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function statFile(file: string) {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch (error) {
    throw cannotRead(file, error);
  }
}

async function* readPieces(file: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
      if (piece instanceof Uint8Array) yield piece;
    }
  } catch (error) {
    throw cannotRead(file, error);
  }
}

function cannotRead(file: string, error: unknown): QrewError {
  const why = error instanceof Error ? error.message : String(error);
  return new QrewError("usage", `${file} cannot be read (${why}): check its permissions.`, [], {
    cause: error,
  });
}

async function noticeOtherCpus(context: CommandContext, link: DaemonLink, cpus: number): Promise<void> {
  const report = await daemonStatus(await link.reach());
  const running = report.capacity.cpusMilli / 1000;
  if (running === cpus) return;
  context.terminal.note(
    `qrew: the daemon runs already, with ${running} cpus; --daemon-cpus ${cpus} has no effect until it is stopped with \`qrew daemon stop\`.`,
  );
}
