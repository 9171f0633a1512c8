/** Why an attempt could not be started, in a sentence for the one who wrote the task. */
import { constants } from "node:os";
import type { AttemptOutcome } from "../protocol/executorLink.ts";
import type { StartStep } from "../protocol/forkserverLink.ts";
import { errnoName } from "./forkserver/errnos.ts";

type NotStarted = Extract<AttemptOutcome, { type: "notStarted" }>;

const { E2BIG, EACCES, EAGAIN, EMFILE, ENFILE, ENOENT, ENOEXEC, ENOMEM, ENOSPC, ENOTDIR } = constants.errno;

/** Of these the node has none left just now; others may end meanwhile. */
const SCARCE: readonly number[] = [EAGAIN, EMFILE, ENFILE, ENOMEM, ENOSPC];

export function notStartedOutcome(step: StartStep, errno: number, program: string | null): NotStarted {
  const code = errnoName(errno);
  const name = program === null ? "the command" : `"${program}"`;
  if (step !== "chdir" && SCARCE.includes(errno)) {
    return of("noProcess", scarcity(errno, code, step));
  }
  switch (step) {
    case "exec":
      return execFailure(errno, code, name);
    case "chdir":
      return of(
        "noWorkdir",
        `its working folder cannot be entered (${code}): make it, or change params.workdir or --dir`,
      );
    case "stdin":
      return of("other", `its standard input could not be prepared (${code})`);
    case "stdout":
    case "stderr":
      return of("noOutputFile", `its ${step} could not be opened (${code})`);
    case "spawn":
      if (errno === ENOENT)
        return of("noProcess", "the folder for its output was removed; it is tried again");
      return of("noProcess", `the node could not start another process (${code}); it is tried again`);
    case "context":
      return of(
        "other",
        "its job's environment did not reach the forkserver, because it is too long: use --clean-env",
      );
  }
}

function execFailure(errno: number, code: string, name: string): NotStarted {
  switch (errno) {
    case ENOENT:
    case ENOTDIR:
      return of(
        "commandNotFound",
        `${name} was not found: check its spelling and the job's PATH (or its #! line)`,
      );
    case EACCES:
      return of("notExecutable", `${name} may not be executed: set its execute permission (chmod +x)`);
    case ENOEXEC:
      return of("notExecutable", `${name} is no program: a script needs a first line such as #!/bin/sh`);
    case E2BIG:
      return of(
        "argumentsTooLong",
        `arguments and environment of ${name} are too long for this system: pass a file`,
      );
    default:
      return of("other", `${name} could not be executed (${code})`);
  }
}

const scarcity = (errno: number, code: string, step: StartStep): string =>
  errno === ENOSPC
    ? "the disk of the state folder is full: make room; it is tried again"
    : `the node could not start another process (${code} at ${step}); it is tried again`;

const of = (reason: NotStarted["reason"], detail: string): NotStarted => ({
  type: "notStarted",
  reason,
  detail,
});
