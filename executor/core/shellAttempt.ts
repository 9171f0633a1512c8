/** What the forkserver is told to run for a shell attempt. */
import type { JobContext, ShellAttemptSpec } from "../../protocol/executorLink.ts";
import type { ForkserverContext, ForkserverSpawn } from "../../protocol/forkserverLink.ts";
import {
  type AttemptId,
  attemptMark,
  COMMON_POOL,
  globalJobId,
  MARK_VARIABLE,
  spoolFileName,
} from "../../protocol/ids.ts";
import type { Preparation } from "./events.ts";
import type { ExecutorState } from "./state.ts";

/** With what most attempts have in common, so that each says only what is its own. */
export function contextCommand(state: ExecutorState, context: JobContext): ForkserverContext {
  const { job, directory, umask } = context;
  const env = {
    [THREADS_VARIABLE]: "1",
    ...context.env,
    QREW_JOB_ID: globalJobId(state.instance, job),
    QREW_ATTEMPT: "1",
    QREW_CPUS: "1",
    QREW_NODE: state.node ?? "",
  };
  return { type: "context", job, directory, umask, env: Object.entries(env).map(assignment) };
}

const assignment = ([name, value]: readonly [string, string]): string => `${name}=${value}`;

export function spawnCommand(state: ExecutorState, spec: ShellAttemptSpec): ForkserverSpawn {
  const { job, task, attempt } = spec;
  const key = { job, task, attempt };
  const mark = attemptMark(state.instance, state.seat, key);
  return {
    type: "spawn",
    key,
    cpusMilli: spec.cpusMilli,
    pool: spec.isPooled ? COMMON_POOL : job,
    argv: typeof spec.command === "string" ? ["/bin/sh", "-c", spec.command] : spec.command,
    env: environmentOf(state, spec, mark),
    workdir: spec.workdir ?? "",
    stdin: spec.stdin,
    stdoutPath: streamPath(state, spec, "stdout"),
    stderrPath: streamPath(state, spec, "stderr"),
    mark,
    after: spec.after,
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

/** Where the forkserver is told to write: a spool file, or the link that leads to the file of the document. */
function streamPath(state: ExecutorState, spec: ShellAttemptSpec, stream: "stdout" | "stderr"): string {
  if (spec.files === null || spec.files[stream] === null) {
    return `${state.spoolFolder}/${spoolFileName(spec, stream)}`;
  }
  const { stdoutLink, stderrLink } = spoolFiles(state, spec);
  return stream === "stdout" ? stdoutLink : stderrLink;
}

const THREADS_VARIABLE = "OMP_NUM_THREADS";
/** What the context says of all attempts. */
const ONE_CPU_MILLI = 1000;

/** Over the context's. What names the attempt stands last, since nobody may say otherwise. */
function environmentOf(state: ExecutorState, spec: ShellAttemptSpec, mark: string): string[] {
  const { job, attempt, cpusMilli } = spec;
  const threads = Math.max(1, Math.floor(cpusMilli / 1000));
  const env: string[] = [];
  const wanted = state.contexts.get(job)?.env[THREADS_VARIABLE] ?? spec.env[THREADS_VARIABLE];
  if (threads > 1 && wanted === undefined) {
    env.push(`${THREADS_VARIABLE}=${threads}`);
  }
  let saysOtherwise = false;
  for (const [name, value] of Object.entries(spec.env)) {
    env.push(`${name}=${value}`);
    saysOtherwise ||= name.startsWith("QREW_");
  }
  if (saysOtherwise) {
    env.push(`QREW_JOB_ID=${globalJobId(state.instance, job)}`, `QREW_NODE=${state.node ?? ""}`);
  }
  if (saysOtherwise || attempt !== 1) env.push(`QREW_ATTEMPT=${attempt}`);
  if (saysOtherwise || cpusMilli !== ONE_CPU_MILLI) env.push(`QREW_CPUS=${cpusMilli / 1000}`);
  env.push(`QREW_TASK=${spec.name}`, `${MARK_VARIABLE}=${mark}`);
  return env;
}

/** For messages: the program of a list, the shell of a string. */
export const programOf = (spec: ShellAttemptSpec): string =>
  typeof spec.command === "string" ? "/bin/sh" : (spec.command[0] ?? "");
