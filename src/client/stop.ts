/**
 * Stops the daemon of a state folder and waits until all its processes are gone. A daemon of another version does not understand
 * the request; it is ended by SIGTERM, which means the same as `now`.
 */
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { QrewError } from "../../protocol/errors.ts";
import { MANAGER_SOCKET_NAME } from "../../protocol/ids.ts";
import type { HolderRecord } from "../store/managerRecords.ts";
import type { Home } from "../node/home.ts";
import { isLiving, nameProcess, type ProcessName } from "../node/process.ts";
import { managersOfHome, processesOfHome } from "../node/processesOfHome.ts";
import { type Connection, openConnection } from "./connection.ts";
import { isHolderAlive, livingHolder } from "./holder.ts";

/** Between two looks at /proc for the end of the manager. */
const POLL_MS = 50;

/** A forkserver that nobody was left to dismiss goes when it has been idle for 10 s; all others go before the manager, or with it. */
const OTHERS_MS_MAX = 15_000;

export interface StopOptions {
  readonly home: Home;
  /** `drain` waits for running attempts, `now` stops them; both keep the queue. */
  readonly mode: "drain" | "now";
  /** How long to wait for the end. The daemon goes on stopping after it. */
  readonly timeoutMs: number;
  /** Called with the number of attempts that still run, whenever it changes. */
  readonly onProgress?: (runningAttempts: number) => void;
}

export type StopOutcome =
  | { readonly type: "stopped"; readonly pid: number }
  | { readonly type: "notRunning" };

/**
 * Resolves when the manager's process is gone, and those of its actors. A manager that was only just starting when this was asked is
 * stopped too, though nobody hears of it yet. Throws `unreachable` when they are not gone within the time.
 */
export async function stopDaemon(options: StopOptions): Promise<StopOutcome> {
  const deadlineMs = performance.now() + options.timeoutMs;
  const managers = managersOfHome(options.home.folder).map(nameProcess);
  let outcome = await stopManager(options, deadlineMs);
  for (;;) {
    const left = managers.filter(isLiving);
    if (left.length === 0) break;
    if (performance.now() >= deadlineMs) throw stillStarting(left, options);
    const holder = await livingHolder(options.home);
    // One that finds another serving, whoever has started that since, gives up by itself.
    if (left.some(({ pid }) => pid === holder?.pid)) outcome = await stopManager(options, deadlineMs);
    else await delay(POLL_MS);
  }
  if (outcome.type === "stopped") await untilOthersGone(options.home);
  return outcome;
}

async function stopManager(options: StopOptions, deadlineMs: number): Promise<StopOutcome> {
  const holder = await livingHolder(options.home);
  const connection = await reachAnyVersion(options.home);
  if (connection === "absent" && holder === null) return { type: "notRunning" };
  if (typeof connection === "object") {
    await askToStop(connection, options, deadlineMs);
    const pid = connection.managerPid;
    if (holder === null) return { type: "stopped", pid };
  }
  if (holder === null) throw cannotStop();
  if (typeof connection === "string") endProcess(holder);
  await untilGone(holder, deadlineMs, options);
  return { type: "stopped", pid: holder.pid };
}

async function reachAnyVersion(home: Home): Promise<Connection | "absent" | "otherVersion"> {
  try {
    const outcome = await openConnection(path.join(home.runFolder, MANAGER_SOCKET_NAME));
    return outcome.type === "connected" ? outcome.connection : "absent";
  } catch (thrown) {
    const error = QrewError.from(thrown);
    // A manager that hangs is ended like one that speaks otherwise.
    if (error.code === "otherVersion" || error.code === "unreachable") return "otherVersion";
    throw error;
  }
}

/** Resolves when the manager has closed the connection, which is the last thing that it does. */
function askToStop(connection: Connection, options: StopOptions, deadlineMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let last = -1;
    const deadline = setTimeout(() => {
      connection.close();
    }, deadlineMs - performance.now());
    connection.open(
      { type: "stopDaemon", mode: options.mode },
      {
        answered: (reply) => {
          if (reply.type !== "stopping" || reply.runningAttempts === last) return;
          last = reply.runningAttempts;
          options.onProgress?.(last);
        },
        failed: (error) => {
          clearTimeout(deadline);
          if (error.code === "unreachable") resolve();
          else reject(error);
        },
      },
    );
  });
}

/** The manager was the holder a moment ago; between that look and the signal its pid cannot have been given away twice. */
function endProcess(holder: HolderRecord): void {
  if (!isHolderAlive(holder)) return;
  try {
    process.kill(holder.pid, "SIGTERM");
  } catch (error) {
    throw new QrewError("unreachable", `The manager (pid ${holder.pid}) cannot be signalled.`, [], {
      cause: error,
    });
  }
}

async function untilGone(holder: HolderRecord, deadlineMs: number, options: StopOptions): Promise<void> {
  while (isHolderAlive(holder)) {
    if (performance.now() >= deadlineMs) throw stillThere(holder.pid, options);
    await delay(POLL_MS);
  }
}

/** Also those that are only just started, to dismiss others. Where there is a manager again, they are another daemon's. */
async function untilOthersGone(home: Home): Promise<void> {
  const deadlineMs = performance.now() + OTHERS_MS_MAX;
  for (;;) {
    const left = processesOfHome(home.folder, []);
    if (left.length === 0 || (await livingHolder(home)) !== null) return;
    if (performance.now() >= deadlineMs) throw leftBehind(left);
    await delay(POLL_MS);
  }
}

const leftBehind = (pids: readonly number[]): QrewError =>
  new QrewError(
    "unreachable",
    `The manager has left, and some of what served it is still there: look with \`ps -fp ${pids.join(",")}\`, and end it by its pid.`,
  );

const stillThere = (pid: number, options: StopOptions): QrewError => {
  const next =
    options.mode === "drain"
      ? "it leaves when they have ended, or stop them with `qrew daemon stop --now`"
      : `look with \`qrew daemon status\`, or end it with \`kill -9 ${pid}\``;
  const what = options.mode === "drain" ? "still waits for running attempts" : "is still stopping";
  return new QrewError(
    "unreachable",
    `The daemon (pid ${pid}) ${what} after ${Math.round(options.timeoutMs / 1000)} s: ${next}.`,
  );
};

const stillStarting = (left: readonly ProcessName[], { timeoutMs }: StopOptions): QrewError =>
  new QrewError(
    "unreachable",
    `A daemon is still starting after ${Math.round(timeoutMs / 1000)} s: look with \`ps -fp ${left.map(({ pid }) => pid).join(",")}\`, and end it by its pid.`,
  );

const cannotStop = (): QrewError =>
  new QrewError(
    "unreachable",
    "A daemon of another version listens, and its process is not known: end it by its pid (`ps -ef | grep manager`).",
  );
