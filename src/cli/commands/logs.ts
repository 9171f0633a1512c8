/**
 * `qrew logs JOB [TASK]`: the bytes of one task exactly as it wrote them; without TASK those of all tasks in the order in
 * which they started, each under a line with its name.
 */
import { isUtf8 } from "node:buffer";
import { QrewError } from "../../../protocol/errors.ts";
import type { CapturedOutput } from "../../../protocol/executorLink.ts";
import type { TaskIndex } from "../../../protocol/ids.ts";
import type { StateReader } from "../../client/read.ts";
import { outputPieces, type StreamName } from "../../client/readOutput.ts";
import type { JobTasks, TaskView } from "../../client/readTasks.ts";
import { parseInteger } from "../arguments.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { findJob } from "../jobReferences.ts";
import { JSON_VERSION } from "../json.ts";
import { withReader } from "../reading.ts";
import { plural, printable } from "../view/text.ts";

export interface LogsFlags {
  readonly stderr?: boolean;
  readonly attempt?: string;
  readonly json?: boolean;
}

interface Wanted {
  readonly stream: StreamName;
  /** Null: the latest of each task. */
  readonly attempt: number | null;
  readonly json: boolean;
}

const ATTEMPT_MAX = 0xffff_ffff;

export function logs(
  context: CommandContext,
  jobText: string,
  taskName: string | null,
  flags: LogsFlags,
): Promise<ExitCode> {
  const wanted: Wanted = {
    stream: flags.stderr === true ? "stderr" : "stdout",
    attempt: flags.attempt === undefined ? null : parseInteger(flags.attempt, "--attempt", 1, ATTEMPT_MAX),
    json: flags.json === true,
  };
  return withReader(context, async (reader) => {
    const tasks = reader.tasks(findJob(reader, jobText));
    const found = taskName === null ? inOrderOfStart(tasks) : elementsOf(tasks, taskName);
    if (wanted.json) await writeJson(context, reader, tasks, found, wanted);
    else if (taskName !== null && found.length === 1)
      await writeOne(context, reader, tasks, found[0], wanted);
    else await writeAll(context, reader, tasks, found, wanted);
    return 0;
  });
}

/** The task of this name or, if it names an array, its elements. */
function elementsOf(tasks: JobTasks, name: string): readonly TaskIndex[] {
  const task = tasks.find(name);
  if (task !== null) return [task];
  const elements = tasks.elements(name);
  if (elements.length > 0) return elements;
  const job = tasks.job.job;
  throw new QrewError("notFound", `Job ${job} has no task "${printable(name)}": see \`qrew tasks ${job}\`.`);
}

function inOrderOfStart(tasks: JobTasks): readonly TaskIndex[] {
  const started: { readonly task: TaskIndex; readonly seq: number }[] = [];
  for (const { task, record } of tasks.recorded()) {
    if (record.startedSeq !== null) started.push({ task, seq: record.startedSeq });
  }
  return started.sort((a, b) => a.seq - b.seq).map(({ task }) => task);
}

async function writeOne(
  context: CommandContext,
  reader: StateReader,
  tasks: JobTasks,
  index: TaskIndex | undefined,
  wanted: Wanted,
): Promise<void> {
  if (index === undefined) return;
  const task = tasks.task(index);
  const attempt = attemptOf(tasks, task, wanted);
  const output = reader.output(tasks.job, index, attempt, wanted.stream);
  if (output === null) context.terminal.note(`qrew: ${whyNothing(task, attempt, wanted)}`);
  else await writeOutput(context, output);
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

/** Silence on stdout is right for a pipe and puzzling for a person. */
function whyNothing(task: TaskView, attempt: number, wanted: Wanted): string {
  const name = `task "${printable(task.name)}"`;
  if (task.attempt === 0) return `${name} has not started (${task.state})`;
  const isRunning = task.state === "running" && attempt === task.attempt;
  if (isRunning) return `${name} still runs: its output can be read when it has ended`;
  return `${name} wrote nothing to ${wanted.stream}${task.attempt > 1 ? ` in attempt ${attempt}` : ""}`;
}

async function writeAll(
  context: CommandContext,
  reader: StateReader,
  tasks: JobTasks,
  indices: readonly TaskIndex[],
  wanted: Wanted,
): Promise<void> {
  const { terminal } = context;
  let written = 0;
  for (const index of indices) {
    const found = outputOf(reader, tasks, index, wanted);
    if (found === null) continue;
    const { task, attempt, output } = found;
    const head = `==> ${printable(task.name)}${attempt > 1 ? ` (attempt ${attempt})` : ""} <==`;
    await terminal.write(`${written > 0 ? "\n" : ""}${head}\n`);
    const endsLine = await writeOutput(context, output);
    if (!endsLine) await terminal.write("\n");
    written += 1;
  }
  if (written === 0)
    terminal.note(`qrew: no task of job ${tasks.job.job} wrote anything to ${wanted.stream} so far`);
}

interface FoundOutput {
  readonly task: TaskView;
  readonly attempt: number;
  readonly output: CapturedOutput;
}

/** Null for a task that wrote nothing, or had no such attempt. */
function outputOf(
  reader: StateReader,
  tasks: JobTasks,
  index: TaskIndex,
  wanted: Wanted,
): FoundOutput | null {
  const task = tasks.task(index);
  const attempt = wanted.attempt ?? task.attempt;
  const output = reader.output(tasks.job, index, attempt, wanted.stream);
  return output === null ? null : { task, attempt, output };
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
  reader: StateReader,
  tasks: JobTasks,
  indices: readonly TaskIndex[],
  wanted: Wanted,
): Promise<void> {
  const { terminal } = context;
  await terminal.write(`{"version":${JSON_VERSION},"jobId":${tasks.job.job},"outputs":[`);
  let separator = "\n";
  for (const index of indices) {
    const found = outputOf(reader, tasks, index, wanted);
    if (found === null) continue;
    await terminal.write(separator + JSON.stringify(await jsonOutput(found, wanted.stream)));
    separator = ",\n";
  }
  await terminal.write("\n]}\n");
}

/** Text where the bytes are UTF-8, else base64: JSON has no bytes. */
async function jsonOutput({ task, attempt, output }: FoundOutput, stream: StreamName): Promise<object> {
  const pieces: Uint8Array[] = [];
  for await (const piece of outputPieces(output)) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  const isText = isUtf8(bytes);
  return {
    task: task.name,
    attempt,
    stream,
    cutBytes: output.cutBytes,
    text: isText ? bytes.toString("utf8") : null,
    base64: isText ? null : bytes.toString("base64"),
  };
}
