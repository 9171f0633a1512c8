/** What the forkserver is told to run for a shell attempt. */
import type { JobContext, ShellAttemptSpec } from "../../protocol/executorLink.ts";
import type { ForkserverContext, ForkserverSpawn } from "../../protocol/forkserverLink.ts";
import {
  type AttemptId,
  attemptMark,
  globalJobId,
  MARK_VARIABLE,
  spoolFileName,
} from "../../protocol/ids.ts";
import type { Preparation } from "./events.ts";
import type { ExecutorState } from "./state.ts";

export function contextCommand(context: JobContext): ForkserverContext {
  const env = Object.entries(context.env).map(([name, value]) => `${name}=${value}`);
  return { type: "context", job: context.job, directory: context.directory, umask: context.umask, env };
}

export function spawnCommand(state: ExecutorState, spec: ShellAttemptSpec): ForkserverSpawn {
  const { job, task, attempt } = spec;
  const key = { job, task, attempt };
  const paths = spoolFiles(state, key);
  const mark = attemptMark(state.instance, state.seat, key);
  return {
    type: "spawn",
    key,
    cpusMilli: spec.cpusMilli,
    argv: typeof spec.command === "string" ? ["/bin/sh", "-c", spec.command] : spec.command,
    env: Object.entries(environmentOf(state, spec, mark)).map(([name, value]) => `${name}=${value}`),
    workdir: spec.workdir ?? "",
    stdin: spec.stdin,
    stdoutPath: spec.files === null || spec.files.stdout === null ? paths.stdoutPath : paths.stdoutLink,
    stderrPath: spec.files === null || spec.files.stderr === null ? paths.stderrPath : paths.stderrLink,
    mark,
  };
}

/**
 * What has to be there before the attempt starts: the links that lead its streams to the files of the document, and what it
 * promises, on disk, since a later TaskExecutor may have to look for it. Null for most.
 */
export function preparationOf(state: ExecutorState, spec: ShellAttemptSpec): Preparation | null {
  const context = state.contexts.get(spec.job);
  if (spec.files === null || context === undefined) return null;
  const { stdout, stderr, outputs } = spec.files;
  const { stdoutLink, stderrLink, promisePath } = spoolFiles(state, spec);
  const folder = pathFrom(context.directory, spec.workdir ?? "");
  const links: { link: string; target: string }[] = [];
  if (stdout !== null) links.push({ link: stdoutLink, target: pathFrom(folder, stdout) });
  if (stderr !== null) links.push({ link: stderrLink, target: pathFrom(folder, stderr) });
  const promise = outputs.length === 0 ? null : { path: promisePath, made: { folder, outputs } };
  return { folder, umask: context.umask, links, promise };
}

const pathFrom = (folder: string, path: string): string =>
  path.startsWith("/") ? path : `${folder}/${path}`;

/** What an attempt may have in the spool folder: files into which it writes, or links to those of the document; its promise. */
interface SpoolFiles {
  readonly stdoutPath: string;
  readonly stderrPath: string;
  /** In a folder of their own, where the forkserver lends no files of its own. */
  readonly stdoutLink: string;
  readonly stderrLink: string;
  readonly promisePath: string;
}

export function spoolFiles({ spoolFolder }: ExecutorState, id: AttemptId): SpoolFiles {
  const stdout = spoolFileName(id, "stdout");
  const stderr = spoolFileName(id, "stderr");
  return {
    stdoutPath: `${spoolFolder}/${stdout}`,
    stderrPath: `${spoolFolder}/${stderr}`,
    stdoutLink: `${spoolFolder}/links/${stdout}`,
    stderrLink: `${spoolFolder}/links/${stderr}`,
    promisePath: `${spoolFolder}/${stdout}.promise`,
  };
}

function environmentOf(
  state: ExecutorState,
  spec: ShellAttemptSpec,
  mark: string,
): Readonly<Record<string, string>> {
  const context = state.contexts.get(spec.job);
  const threads = "OMP_NUM_THREADS";
  const isSet =
    Object.hasOwn(spec.env, threads) || (context !== undefined && Object.hasOwn(context.env, threads));
  return {
    ...spec.env,
    ...(isSet ? {} : { [threads]: String(Math.max(1, Math.floor(spec.cpusMilli / 1000))) }),
    QREW_JOB_ID: globalJobId(state.instance, spec.job),
    QREW_TASK: spec.name,
    QREW_ATTEMPT: String(spec.attempt),
    QREW_CPUS: String(spec.cpusMilli / 1000),
    QREW_NODE: state.node ?? "",
    [MARK_VARIABLE]: mark,
  };
}

/** For messages: the program of a list, the shell of a string. */
export const programOf = (spec: ShellAttemptSpec): string =>
  typeof spec.command === "string" ? "/bin/sh" : (spec.command[0] ?? "");
