/**
 * `qrew logs JOB [TASK…]`: the bytes of one task exactly as it wrote them; of several, each under a line with its name, and
 * without TASK those of all in the order in which they started. What an attempt that runs has written so far is there too.
 */
import { isUtf8 } from "node:buffer";
import { QrewError } from "../../../protocol/errors.ts";
import type { CapturedOutput } from "../../../protocol/executorLink.ts";
import type { TaskIndex } from "../../../protocol/ids.ts";
import { isFinalJobState } from "../../../protocol/states.ts";
import type { StateReader } from "../../client/read.ts";
import { outputPieces, type StreamName } from "../../client/readOutput.ts";
import type { JobTasks, TaskView } from "../../client/readTasks.ts";
import { parseInteger } from "../arguments.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { followLogs } from "../followedLogs.ts";
import { findJob } from "../jobReferences.ts";
import { JSON_VERSION } from "../json.ts";
import { withReader } from "../reading.ts";
import { plural, printable } from "../view/text.ts";

export interface LogsFlags {
  readonly stderr?: boolean;
  readonly attempt?: string;
  readonly follow?: boolean;
  readonly json?: boolean;
  readonly ndjson?: boolean;
}

interface Wanted {
  readonly stream: StreamName;
  /** Null: the latest of each task. */
  readonly attempt: number | null;
  readonly json: boolean;
  /** JSON with a line for each output. */
  readonly lines: boolean;
}

const ATTEMPT_MAX = 0xffff_ffff;

export function logs(
  context: CommandContext,
  jobText: string,
  taskNames: readonly string[],
  flags: LogsFlags,
): Promise<ExitCode> {
  checkFollow(flags);
  const wanted: Wanted = {
    stream: flags.stderr === true ? "stderr" : "stdout",
    attempt: flags.attempt === undefined ? null : parseInteger(flags.attempt, "--attempt", 1, ATTEMPT_MAX),
    json: flags.json === true || flags.ndjson === true,
    lines: flags.ndjson === true,
  };
  return withReader(context, async (reader) => {
    const tasks = reader.tasks(findJob(reader, jobText));
    const named = taskNames.length === 0 ? null : namedTasks(tasks, taskNames);
    if (flags.follow === true) {
      await followLogs(context.terminal, reader, { tasks, wanted: named, stream: wanted.stream });
      return 0;
    }
    const [one] = named ?? [];
    if (one !== undefined && named?.length === 1 && !wanted.json)
      await writeOne(context, reader, tasks, tasks.task(one), wanted);
    else {
      const candidates = named === null ? inOrderOfStart(tasks) : latestOf(tasks, named);
      checkAttempt(tasks, taskNames, candidates, wanted);
      const running: string[] = [];
      const outputs = eachOutput(reader, tasks, candidates, wanted, running);
      if (wanted.json) await writeJson(context, tasks, outputs, wanted, running);
      else await writeAll(context, tasks, outputs, wanted, candidates);
    }
    return 0;
  });
}

/** A task, and the attempt whose output is wanted. */
interface Candidate {
  readonly task: TaskIndex;
  readonly latest: number;
}

/** The tasks of these names and, where one names an array, its elements; in the order of the names, each once. */
function namedTasks(tasks: JobTasks, names: readonly string[]): readonly TaskIndex[] {
  const found = names.flatMap((name) => {
    const one = tasks.find(name);
    const named = one === null ? tasks.elements(name) : [one];
    if (named.length > 0) return named;
    const job = tasks.job.job;
    throw new QrewError(
      "notFound",
      `Job ${job} has no task "${printable(name)}": see \`qrew tasks ${job}\`.`,
    );
  });
  return [...new Set(found)];
}

const latestOf = (tasks: JobTasks, named: readonly TaskIndex[]): readonly Candidate[] =>
  named.map((task) => ({ task, latest: tasks.task(task).attempt }));

function checkFollow(flags: LogsFlags): void {
  if (flags.follow !== true) return;
  const other = flags.json === true ? "--json" : flags.ndjson === true ? "--ndjson" : null;
  const option = flags.attempt === undefined ? other : "--attempt";
  if (option !== null)
    throw new QrewError("usage", `--follow and ${option} exclude each other: leave one of them out.`);
}

function inOrderOfStart(tasks: JobTasks): readonly Candidate[] {
  const started: (Candidate & { readonly seq: number })[] = [];
  for (const { task, record } of tasks.recorded()) {
    // A task that waits for its repetition has no start, and output all the same.
    const seq = record.startedSeq ?? Number.MAX_SAFE_INTEGER;
    if (record.attempt > 0) started.push({ task, latest: record.attempt, seq });
  }
  return started.sort((a, b) => a.seq - b.seq);
}

interface FoundOutput {
  readonly name: string;
  readonly attempt: number;
  readonly output: CapturedOutput;
  /** The file of the document that it was read from; null where it was captured. */
  readonly file: string | null;
}

/** As for a single task: an attempt that none of them had is not there. */
function checkAttempt(
  tasks: JobTasks,
  names: readonly string[],
  candidates: readonly Candidate[],
  { attempt }: Wanted,
): void {
  const most = candidates.reduce((found, { latest }) => Math.max(found, latest), 0);
  if (attempt === null || attempt <= most) return;
  const { job } = tasks.job;
  const [name, second] = names;
  const whose =
    name === undefined || second !== undefined
      ? `No task ${name === undefined ? "" : "of these "}of job ${job}`
      : `No task "${printable(name)}" of job ${job}`;
  const had = most === 0 ? "an attempt yet" : `more than ${plural(most, "attempt")}`;
  throw new QrewError("notFound", `${whose} had ${had}: see \`qrew tasks ${job}\`.`);
}

/** Without those that wrote nothing, or had no such attempt. Names of those that still write are added to `running`. */
function* eachOutput(
  reader: StateReader,
  tasks: JobTasks,
  candidates: readonly Candidate[],
  wanted: Wanted,
  running: string[],
): Generator<FoundOutput> {
  for (const { task, latest } of candidates) {
    const attempt = wanted.attempt ?? latest;
    // Looked at before the output: what ends between the two is found.
    const view = tasks.task(task);
    const output = reader.output(tasks.job, task, attempt, wanted.stream);
    const file = reader.streamFile(tasks.job, task, wanted.stream);
    const isOpen = output === null || file !== null;
    const isRunning = isOpen && view.state === "running" && view.attempt === attempt;
    if (isRunning) running.push(view.name);
    const found = isRunning ? reader.outputSoFar(tasks.job, task, attempt, wanted.stream) : output;
    if (found !== null) yield { name: view.name, attempt, output: found, file };
  }
}

async function writeOne(
  context: CommandContext,
  reader: StateReader,
  tasks: JobTasks,
  task: TaskView,
  wanted: Wanted,
): Promise<void> {
  const attempt = attemptOf(tasks, task, wanted);
  const isRunning = task.state === "running" && attempt === task.attempt;
  const output =
    reader.output(tasks.job, task.task, attempt, wanted.stream) ??
    (isRunning ? reader.outputSoFar(tasks.job, task.task, attempt, wanted.stream) : null);
  const file = reader.streamFile(tasks.job, task.task, wanted.stream);
  if (file !== null) context.terminal.note(`qrew: ${whereItIs(task, attempt, wanted, file, output)}`);
  else if (output === null) context.terminal.note(`qrew: ${whyNothing(task, attempt, wanted)}`);
  if (output !== null) await writeOutput(context, output);
}

function attemptOf(tasks: JobTasks, task: TaskView, wanted: Wanted): number {
  if (wanted.attempt === null) return task.attempt;
  if (wanted.attempt <= task.attempt) return wanted.attempt;
  const had = task.attempt === 0 ? "no attempt yet" : `only ${plural(task.attempt, "attempt")}`;
  throw new QrewError(
    "notFound",
    `Task "${printable(task.name)}" of job ${tasks.job.job} had ${had}: see \`qrew tasks ${tasks.job.job}\`.`,
  );
}

function whereItIs(
  task: TaskView,
  attempt: number,
  { stream }: Wanted,
  file: string,
  output: CapturedOutput | null,
): string {
  const goes = `${stream} of task "${printable(task.name)}" goes to ${printable(file)}`;
  if (output !== null) return goes;
  if (task.attempt === 0) return `${goes}; it has not started (${task.state})`;
  if (attempt < task.attempt) return `${goes}, which attempt ${task.attempt} has begun anew`;
  return `${goes}, which is empty or not there`;
}

/** Silence on stdout is right for a pipe and puzzling for a person. */
function whyNothing(task: TaskView, attempt: number, wanted: Wanted): string {
  const name = `task "${printable(task.name)}"`;
  if (task.attempt === 0) return `${name} has not started (${task.state})`;
  const isRunning = task.state === "running" && attempt === task.attempt;
  if (isRunning) return `${name} still runs, and wrote nothing to ${wanted.stream} so far`;
  const earlier = attempt > 1 ? "; of an earlier one see --attempt 1" : "";
  return `${name} wrote nothing to ${wanted.stream}${task.attempt > 1 ? ` in attempt ${attempt}${earlier}` : ""}`;
}

async function writeAll(
  context: CommandContext,
  tasks: JobTasks,
  outputs: Iterable<FoundOutput>,
  wanted: Wanted,
  candidates: readonly Candidate[],
): Promise<void> {
  const { terminal } = context;
  let written = 0;
  for (const { name, attempt, output } of outputs) {
    const head = `==> ${printable(name)}${attempt > 1 ? ` (attempt ${attempt})` : ""} <==`;
    await terminal.write(`${written > 0 ? "\n" : ""}${head}\n`);
    const endsLine = await writeOutput(context, output);
    if (!endsLine) await terminal.write("\n");
    written += 1;
  }
  if (written > 0) return;
  const soFar = isFinalJobState(tasks.job.state) ? "" : " so far";
  const isRepeated = wanted.attempt === null && candidates.some(({ latest }) => latest > 1);
  const earlier = isRepeated ? " in its latest attempt; of earlier ones see --attempt 1" : "";
  terminal.note(`qrew: no task of job ${tasks.job.job} wrote anything to ${wanted.stream}${soFar}${earlier}`);
}

/** True if the last byte ends a line. */
async function writeOutput(context: CommandContext, output: CapturedOutput): Promise<boolean> {
  let endsLine = true;
  for await (const piece of outputPieces(output)) {
    await context.terminal.write(piece);
    endsLine = piece.at(-1) === 0x0a;
  }
  return endsLine;
}

/** Written output by output, so that only one of them is held. */
async function writeJson(
  context: CommandContext,
  tasks: JobTasks,
  outputs: Iterable<FoundOutput>,
  wanted: Wanted,
  running: readonly string[],
): Promise<void> {
  const { terminal } = context;
  if (wanted.lines) {
    for (const found of outputs) await terminal.line(JSON.stringify(await jsonOutput(found, wanted.stream)));
    return;
  }
  await terminal.write(`{"version":${JSON_VERSION},"jobId":${tasks.job.job},"outputs":[`);
  let separator = "\n";
  for (const found of outputs) {
    await terminal.write(separator + JSON.stringify(await jsonOutput(found, wanted.stream)));
    separator = ",\n";
  }
  await terminal.write(`\n],"running":${JSON.stringify(running)}}\n`);
}

/** Text where the bytes are UTF-8, else base64: JSON has no bytes. */
async function jsonOutput({ name, attempt, output, file }: FoundOutput, stream: StreamName): Promise<object> {
  const pieces: Uint8Array[] = [];
  for await (const piece of outputPieces(output)) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  const isText = isUtf8(bytes);
  return {
    task: name,
    attempt,
    stream,
    path: file,
    cutBytes: output.cutBytes,
    text: isText ? bytes.toString("utf8") : null,
    base64: isText ? null : bytes.toString("base64"),
  };
}
