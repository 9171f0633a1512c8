/** What a job takes along from the process that submits it: environment, folder and umask, as any launcher does. */
import type { SubmissionOptions } from "../../protocol/clientLink.ts";

export interface SurroundingsOptions {
  /** Only KEPT_VARIABLES instead of the whole environment. */
  readonly cleanEnv?: boolean;
  /** Absolute. Absent: the current folder. */
  readonly directory?: string;
  /** A folder of the job's own in the state folder; over `directory`. */
  readonly freshDirectory?: boolean;
}

/**
 * What a clean environment still has: programs are found, and know who and where they work for. TMPDIR is not among
 * them: on clusters it names a folder that ends with the login or allocation that submits.
 */
export const KEPT_VARIABLES = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ"] as const;

export type Surroundings = Pick<SubmissionOptions, "directory" | "env" | "umask">;

export function captureSurroundings(options: SurroundingsOptions = {}): Surroundings {
  const directory = options.directory ?? process.cwd();
  return {
    directory: options.freshDirectory === true ? { type: "fresh" } : { type: "existing", path: directory },
    env: captureEnvironment(process.env, options.cleanEnv === true),
    umask: process.umask(),
  };
}

/** A copy without `QREW_*`: a job that is submitted from inside a task must not be taken for that task. */
export function captureEnvironment(environment: NodeJS.ProcessEnv, clean: boolean): Record<string, string> {
  const kept: Record<string, string> = {};
  const names = clean ? KEPT_VARIABLES : Object.keys(environment);
  for (const name of names) {
    const value = environment[name];
    if (value !== undefined && !name.startsWith("QREW_")) kept[name] = value;
  }
  return kept;
}
