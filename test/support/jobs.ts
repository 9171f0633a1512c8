/** Jobs through the commands of a state folder, and what is known of them afterwards. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { type JsonProcess, type JsonTask, readJson, shapes } from "./jsonShapes.ts";
import type { CommandOptions, CommandResult, QrewFolder } from "./qrew.ts";

/** A task of a document; written as JSON, so anything that JSON can hold. */
export type TaskEntry = Readonly<Record<string, unknown>>;
export type WorkflowEntry = readonly TaskEntry[] | Readonly<Record<string, unknown>>;

/** Writes the document into the folder of the test and returns its path. */
export function writeDocument(qrew: QrewFolder, document: WorkflowEntry, name = "workflow"): string {
  const file = path.join(qrew.folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(document));
  return file;
}

export interface RunJob extends CommandResult {
  readonly job: number;
}

/** `qrew run` to the end of the job. */
export async function runJob(
  qrew: QrewFolder,
  document: WorkflowEntry,
  flags: readonly string[] = [],
  options: CommandOptions = {},
): Promise<RunJob> {
  const result = await qrew.run(["run", writeDocument(qrew, document), ...flags], options);
  const job = /^job (\d+): /m.exec(result.stderr)?.[1];
  if (job === undefined) throw new Error(`no job was accepted: ${result.stderr}`);
  return { ...result, job: Number(job) };
}

/** `qrew submit`: the number of the job. From this process where nothing asks for a command. */
export async function submitJob(
  qrew: QrewFolder,
  document: WorkflowEntry,
  flags: readonly string[] = [],
  options?: CommandOptions,
): Promise<number> {
  if (flags.length === 0 && options === undefined) return qrew.submit(writeDocument(qrew, document));
  const result = await qrew.run(["submit", writeDocument(qrew, document), ...flags], options);
  if (result.code !== 0) throw new Error(`no job was accepted: ${result.stderr}`);
  return Number(result.stdout);
}

/** A look from this process, unless it has to be another one of a special kind. */
const look = (qrew: QrewFolder, args: readonly string[], options?: CommandOptions): Promise<CommandResult> =>
  options === undefined ? qrew.call(...args) : qrew.run(args, options);

/** The tasks of a job by their names. */
export async function tasksOf(
  qrew: QrewFolder,
  job: number,
  options?: CommandOptions,
): Promise<ReadonlyMap<string, JsonTask>> {
  const result = await look(qrew, ["tasks", String(job), "--json"], options);
  if (result.code !== 0) throw new Error(`qrew tasks: ${result.stderr}`);
  return new Map(readJson(shapes.tasks, result.stdout).tasks.map((task) => [task.name, task]));
}

/** One task of a job. */
export async function taskOf(qrew: QrewFolder, job: number, name: string): Promise<JsonTask> {
  const task = (await tasksOf(qrew, job)).get(name);
  if (task === undefined) throw new Error(`job ${job} has no task ${name}`);
  return task;
}

export async function showJob(qrew: QrewFolder, job: number) {
  return readJson(shapes.show, (await look(qrew, ["show", String(job), "--json"])).stdout);
}

/** What the task has written to stdout, as bytes. */
export async function outputBytes(
  qrew: QrewFolder,
  job: number,
  task: string,
  flags: readonly string[] = [],
): Promise<Buffer> {
  const result = await look(qrew, ["logs", String(job), task, ...flags]);
  if (result.code !== 0) throw new Error(`qrew logs: ${result.stderr}`);
  return result.stdoutBytes;
}

export const outputText = async (
  qrew: QrewFolder,
  job: number,
  task: string,
  flags: readonly string[] = [],
): Promise<string> => (await outputBytes(qrew, job, task, flags)).toString();

/** The processes of the daemon as it lists them. */
export async function daemonProcesses(
  qrew: QrewFolder,
  options?: CommandOptions,
): Promise<readonly JsonProcess[]> {
  const result = await look(qrew, ["daemon", "status", "--json"], options);
  if (result.code !== 0) throw new Error(`qrew daemon status: ${result.stderr}${result.stdout}`);
  return readJson(shapes.daemonStatus, result.stdout).processes;
}
