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
import type { ExecutorState } from "./state.ts";

export function contextCommand(context: JobContext): ForkserverContext {
  const env = Object.entries(context.env).map(([name, value]) => `${name}=${value}`);
  return { type: "context", job: context.job, directory: context.directory, umask: context.umask, env };
}

export function spawnCommand(state: ExecutorState, spec: ShellAttemptSpec): ForkserverSpawn {
  const { job, task, attempt } = spec;
  const key = { job, task, attempt };
  const { stdoutPath, stderrPath } = spoolFiles(state, key);
  const mark = attemptMark(state.instance, state.seat, key);
  return {
    type: "spawn",
    key,
    cpusMilli: spec.cpusMilli,
    argv: typeof spec.command === "string" ? ["/bin/sh", "-c", spec.command] : spec.command,
    env: Object.entries(environmentOf(state, spec, mark)).map(([name, value]) => `${name}=${value}`),
    workdir: spec.workdir ?? "",
    stdin: spec.stdin,
    stdoutPath,
    stderrPath,
    mark,
  };
}

/** The files into which an attempt writes while it runs. */
export function spoolFiles(
  state: ExecutorState,
  id: AttemptId,
): { readonly stdoutPath: string; readonly stderrPath: string } {
  return {
    stdoutPath: `${state.spoolFolder}/${spoolFileName(id, "stdout")}`,
    stderrPath: `${state.spoolFolder}/${spoolFileName(id, "stderr")}`,
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
