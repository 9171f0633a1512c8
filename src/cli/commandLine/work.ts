/** A document, or a command without one: what `run` and `submit` were told to submit. */
import path from "node:path";
import { QrewError } from "../../../protocol/errors.ts";
import { JOB_TASKS_MAX } from "../../../protocol/limits.ts";
import { usualImport } from "../../workflow/importers/importing.ts";
import { readDuration, readSize } from "../../workflow/quantity.ts";
import { TASK_NAME_LENGTH_MAX } from "../../workflow/taskName.ts";
import { parseCpus, parseInteger } from "../arguments.ts";
import type { ImportFlags } from "../importing.ts";
import { fileWork, type Work } from "../submitting.ts";
import { type ArgumentList, type Separator, splitCommand } from "./argumentLists.ts";
import { type CommandSettings, commandDocument } from "./commandDocument.ts";

/** As commander gives them; they say something of a command, and nothing of a document. */
export interface CommandFlags {
  readonly argFile?: readonly string[];
  readonly eachLine?: readonly string[];
  readonly null?: boolean;
  readonly cpus?: string;
  readonly memory?: string;
  readonly retries?: string;
  readonly timeout?: string;
  readonly jobs?: string;
  readonly keepOrder?: boolean;
}

/** What stands on the command line: files, and what follows after `--`, or null if that is not there. */
export interface Operands {
  readonly files: readonly string[];
  readonly command: readonly string[] | null;
}

const usage = (message: string): QrewError => new QrewError("usage", message);

export type Request =
  | { readonly type: "file"; readonly file: string }
  | {
      readonly type: "command";
      readonly words: readonly string[];
      readonly lists: readonly ArgumentList[];
    };

/** Throws `usage` for what is both or neither. */
export function readRequest({ files, command }: Operands, flags: CommandFlags): Request {
  const lists = [...(flags.argFile ?? []), ...(flags.eachLine ?? [])].map(
    (file): ArgumentList => ({ type: "lines", file }),
  );
  const [file, second] = files;
  if (command !== null || lists.length > 0) {
    if (file !== undefined)
      throw usage(
        `Name a document or a command, not both: ${file} stands before the --, or in place of one.`,
      );
    const split = splitCommand(command ?? []);
    return { type: "command", words: split.words, lists: [...lists, ...split.lists] };
  }
  if (file === undefined)
    throw usage(
      "Name a workflow document, or write a command after --, as in `qrew run -- gzip {} ::: *.dat`.",
    );
  if (second !== undefined)
    throw usage(
      `More than one file is named: a command is written after --, as in \`qrew run -- ${file} …\`.`,
    );
  refuseCommandFlags(flags);
  return { type: "file", file };
}

/** Options of a command, and what to do in their place with a document. */
const IN_DOCUMENTS: readonly (readonly [keyof CommandFlags, string, string])[] = [
  ["cpus", "--cpus", "write `resources: {cpus: …}` there (for the cpus of the daemon use --daemon-cpus)"],
  ["memory", "--memory", "write `resources: {memory: …}` there"],
  ["retries", "--retries", "write `retry: …` there"],
  ["timeout", "--timeout", "write `timeout: …` there"],
  ["jobs", "-j", "write `maxRunning: …` there"],
  ["keepOrder", "--keep-order", "read its output with `qrew logs last`"],
  ["null", "--null", "leave it out"],
];

function refuseCommandFlags(flags: CommandFlags): void {
  for (const [name, option, advice] of IN_DOCUMENTS) {
    if (flags[name] !== undefined)
      throw usage(`${option} is for a command after --; with a document ${advice}.`);
  }
}

export async function requestedWork(request: Request, flags: CommandFlags & ImportFlags): Promise<Work> {
  if (request.type === "file") return fileWork(request.file, flags);
  const { words, lists } = request;
  const separator: Separator = flags.null === true ? "\0" : "\n";
  const settings = commandSettings(commandName(words), flags);
  const document = await commandDocument({ words, lists, separator, stdin: process.stdin }, settings);
  return { document, source: commandTitle(words), import: { ...usualImport, format: "qrew" } };
}

const RETRIES_MAX = 1_000_000;

function commandSettings(name: string, flags: CommandFlags): CommandSettings {
  const { cpus, memory, retries, timeout, jobs } = flags;
  if (memory !== undefined && !readSize(memory).ok)
    throw usage(`--memory is a size like 512M or 4G, not "${memory}".`);
  if (timeout !== undefined && !readDuration(timeout, 1).ok)
    throw usage(`--timeout is a time like 90s, 10m or 1h30m, not "${timeout}".`);
  const resources = {
    ...(cpus === undefined ? {} : { cpus: parseCpus(cpus) }),
    ...(memory === undefined ? {} : { memory }),
  };
  const maxRunning = jobs === undefined ? null : parseInteger(jobs, "-j", 1, JOB_TASKS_MAX);
  return {
    job: maxRunning === null ? { name } : { name, maxRunning },
    task: {
      ...(Object.keys(resources).length === 0 ? {} : { resources }),
      ...(retries === undefined ? {} : { retry: parseInteger(retries, "--retries", 0, RETRIES_MAX) }),
      ...(timeout === undefined ? {} : { timeout }),
    },
  };
}

/** Of the job and its task: that of the program. */
function commandName(words: readonly string[]): string {
  const program = (words[0] ?? "").trim().split(/\s/)[0] ?? "";
  const name = /^[\w.+-]+/.exec(path.basename(program))?.[0] ?? "";
  return /\w/.test(name) && name.length <= TASK_NAME_LENGTH_MAX ? name : "command";
}

const TITLE_LENGTH_MAX = 100;
/** At its end, so that no ending of a file name is there that would say how the document is read. */
const TITLE_END = " (command line)";

function commandTitle(words: readonly string[]): string {
  const text = words.length === 0 ? "each argument" : words.join(" ").replaceAll(/\p{Cc}+/gu, " ");
  return (text.length > TITLE_LENGTH_MAX ? `${text.slice(0, TITLE_LENGTH_MAX)}…` : text) + TITLE_END;
}

/** A fault of a document that nobody has written is told without its place. */
export function withoutPlaces(error: QrewError): QrewError {
  if (error.code !== "invalidDocument") return error;
  const details = error.details.map((line) => line.replace(/^.*? \(command line\)(:\d+:\d+)?: /s, ""));
  const sentence = "The command cannot be run like this; nothing was submitted.";
  return new QrewError("invalidDocument", sentence, details, { cause: error });
}
