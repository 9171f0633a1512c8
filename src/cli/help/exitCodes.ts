/** The exit codes of all commands. A test brings about each of them. */
export const EXIT_CODES: readonly (readonly [number, string])[] = [
  [0, "done; of `run` and `wait`: all jobs succeeded"],
  [1, "a job failed or was cancelled; `doctor` found a fault"],
  [2, "wrong use, an invalid document, or refused"],
  [3, "no such job, task or file"],
  [4, "no daemon, it does not answer, or the state or the output cannot be read or written"],
  [129, "left by a hangup (SIGHUP); the job goes on"],
  [130, "interrupted by Ctrl-C (SIGINT); `run` has cancelled its job"],
  [143, "ended by SIGTERM; the job goes on"],
];
