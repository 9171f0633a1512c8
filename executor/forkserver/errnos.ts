/** Error numbers of Linux as they stand on the forkserver's link, and names of signals and errors for people. */
import { constants } from "node:os";
import { getSystemErrorName } from "node:util";

export const { E2BIG, EAGAIN, EINVAL, ENOENT, ENOEXEC, ENOMEM, EIO } = constants.errno;

const SIGNAL_NAMES = new Map<number, string>(
  Object.entries(constants.signals)
    // Two names for one number: the first that the system lists is the usual one, except for these.
    .filter(([name]) => name !== "SIGIOT" && name !== "SIGPOLL" && name !== "SIGUNUSED")
    .map(([name, number]) => [number, name]),
);
/** Numbers of the real-time signals of Linux that programs may use. */
const REALTIME_MIN = 34;
const REALTIME_MAX = 64;

/** `SIGKILL` for 9, `SIGRTMIN+1` for 35. */
export function signalName(signal: number): string {
  const name = SIGNAL_NAMES.get(signal);
  if (name !== undefined) return name;
  if (signal >= REALTIME_MIN && signal <= REALTIME_MAX) {
    return signal === REALTIME_MIN ? "SIGRTMIN" : `SIGRTMIN+${signal - REALTIME_MIN}`;
  }
  return `signal ${signal}`;
}

/** 0 for a name that is none. */
export const signalNumber = (name: string): number =>
  Object.entries(constants.signals).find(([key]) => key === name)?.[1] ?? 0;

/** `ENOENT` for 2. */
export const errnoName = (errno: number): string =>
  errno > 0 ? getSystemErrorName(-errno) : `error ${errno}`;
