/**
 * Reaches the daemon of a state folder, and starts it where none runs. Of two that are started at once the lock lets one
 * live; the other's starter connects to it.
 */
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { QrewError } from "../../protocol/errors.ts";
import { MANAGER_SOCKET_NAME } from "../../protocol/ids.ts";
import type { Home } from "../node/home.ts";
import { type Connection, openConnection } from "./connection.ts";
import { type DaemonResources, startDaemonProcess } from "./daemonProcess.ts";
import { damageOf } from "../store/pageSurvey.ts";
import { livingHolder } from "./holder.ts";

/** Starting takes about half a second; a slow disk and a large queue may make it many. */
export const DAEMON_START_TIMEOUT_MS = 20_000;

/** Between two looks for a socket that is about to appear. */
const RETRY_MS = 50;

/** How long a living holder of the folder is given to listen or to leave before a start is tried again. */
const HELD_WAIT_MS = 1_000;

/** A first refusal without a living holder may come from one that has just left; a second is meant. */
const REFUSALS_MAX = 2;

export interface DaemonOptions {
  readonly home: Home;
  readonly start: "ifAbsent" | "never";
  /** A daemon that is started here leaves when it has been idle for a while. */
  readonly transient: boolean;
  readonly resources?: DaemonResources;
}

export interface ReachedDaemon {
  readonly connection: Connection;
  /** Whether this call started it; if not, `resources` and `transient` had no effect. */
  readonly started: boolean;
}

/**
 * A connection to the daemon of `home`, started if allowed. Throws `unreachable` when there is none or it does not come up
 * within DAEMON_START_TIMEOUT_MS, `otherVersion`, or what the daemon says of its own failure.
 */
export async function ensureDaemon(options: DaemonOptions): Promise<ReachedDaemon> {
  const socketPath = path.join(options.home.runFolder, MANAGER_SOCKET_NAME);
  const deadlineMs = performance.now() + DAEMON_START_TIMEOUT_MS;
  let waitMs = 0;
  let refusals = 0;
  for (;;) {
    const found = await connectWithin(socketPath, waitMs);
    if (found !== null) return { connection: found, started: false };
    if (options.start === "never") throw noDaemon(options.home);
    const leftMs = deadlineMs - performance.now();
    if (leftMs <= 0) throw silentDaemon(options.home);
    const report = await startDaemonProcess(
      { home: options.home.folder, transient: options.transient, resources: options.resources ?? {} },
      leftMs,
    );
    if (report.type === "ready") {
      const connection = await connectWithin(socketPath, leftMs);
      if (connection === null) throw silentDaemon(options.home);
      return { connection, started: true };
    }
    if (report.code === "unreachable") {
      // It has ended without a word, as a process does that reads a damaged store.
      throw damageOf(path.join(options.home.folder, "manager")) ?? new QrewError(report.code, report.message);
    }
    if (report.code !== "refused") throw new QrewError(report.code, report.message);
    // Another one holds the folder and is about to listen, or was about to leave: then the place is free at once.
    const isHeld = (await livingHolder(options.home)) !== null;
    refusals += 1;
    if (!isHeld && refusals >= REFUSALS_MAX) throw new QrewError(report.code, report.message);
    waitMs = isHeld ? HELD_WAIT_MS : RETRY_MS;
  }
}

/** Looks at least once; null when nobody listens all the time. */
async function connectWithin(socketPath: string, waitMs: number): Promise<Connection | null> {
  const deadlineMs = performance.now() + waitMs;
  for (;;) {
    const outcome = await openConnection(socketPath);
    if (outcome.type === "connected") return outcome.connection;
    if (performance.now() >= deadlineMs) return null;
    await delay(RETRY_MS);
  }
}

function noDaemon(home: Home): QrewError {
  return new QrewError(
    "unreachable",
    `No daemon runs for the state folder ${home.folder}: start one with \`qrew daemon start\`, or set QREW_HOME to the folder that you mean.`,
  );
}

const silentDaemon = (home: Home): QrewError =>
  new QrewError(
    "unreachable",
    `The daemon of ${home.folder} runs but takes no connections: stop it with \`qrew daemon stop --now\`.`,
  );
