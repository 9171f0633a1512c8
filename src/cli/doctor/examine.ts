/** Looks at this machine for `qrew doctor`. Programs that it asks get a few seconds each. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, statfsSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { QrewError } from "../../../protocol/errors.ts";
import { openConnection } from "../../client/connection.ts";
import { livingHolder } from "../../client/holder.ts";
import { readSettings } from "../../client/settings.ts";
import { MANAGER_SOCKET_NAME } from "../../../protocol/ids.ts";
import { detectCapacity } from "../../node/capacity.ts";
import { placeOf } from "../../node/filesystem.ts";
import { detectGpus } from "../../node/gpus.ts";
import { type Home, openHome } from "../../node/home.ts";
import { descriptorLimit } from "../../node/limits.ts";
import { fault, type Finding, good, warning } from "./findings.ts";
import {
  type ForkserverFound,
  judgeCapacity,
  judgeClock,
  judgeDescriptors,
  judgeFolder,
  judgeForkserver,
  judgeGpus,
  judgeLogout,
  judgeNode,
  type LogoutFound,
} from "./machine.ts";

const ASK_TIMEOUT_MS = 3_000;

/** What a program says, or null: it is not there, failed, or hangs. */
function ask(program: string, ...args: readonly string[]): string | null {
  const asked = spawnSync(program, args, {
    encoding: "utf8",
    timeout: ASK_TIMEOUT_MS,
    stdio: ["ignore", "pipe", "ignore"],
  });
  return asked.status === 0 ? asked.stdout.trim() : null;
}

export async function examine(): Promise<readonly Finding[]> {
  const findings = [
    judgeNode(process.version),
    ...judgeCapacity(detectCapacity()),
    judgeGpus(detectGpus(), listedGpus()),
    judgeDescriptors(descriptorLimit()),
    judgeForkserver(findForkserver()),
    judgeLogout(findLogout()),
    judgeClock(Date.now(), isClockSynchronised()),
  ];
  return [...findings, ...(await examineState())];
}

function listedGpus(): readonly string[] | null {
  const text = ask("nvidia-smi", "-L");
  return text === null ? null : text.split("\n").filter((line) => line.startsWith("GPU "));
}

function findForkserver(): ForkserverFound {
  const candidates = [
    process.env["QREW_FORKSERVER"] ?? "",
    ...["../../../executor/forkserver/forkserver", "../../../dist/executor/forkserver/forkserver"].map(
      (place) => fileURLToPath(new URL(place, import.meta.url)),
    ),
  ];
  return {
    program: candidates.find((file) => file !== "" && isExecutable(file)) ?? null,
    compiler: inPath(process.env["CC"] ?? "cc"),
  };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const inPath = (program: string): string | null =>
  (process.env["PATH"] ?? "")
    .split(":")
    .map((folder) => path.join(folder, program))
    .find(isExecutable) ?? null;

function findLogout(): LogoutFound {
  // As sd_booted(3) does it: folders of logind may be left in an image whose init is another.
  const hasLogind = existsSync("/run/systemd/system");
  const kills = hasLogind
    ? ask(
        "busctl",
        "get-property",
        "org.freedesktop.login1",
        "/org/freedesktop/login1",
        "org.freedesktop.login1.Manager",
        "KillUserProcesses",
      )
    : null;
  const lingers = hasLogind
    ? ask("loginctl", "show-user", os.userInfo().username, "--property=Linger", "--value")
    : null;
  return {
    hasLogind,
    killsProcesses: kills === null ? null : kills === "b true",
    lingers: lingers === null ? null : lingers === "yes",
    slurmJob: process.env["SLURM_JOB_ID"] ?? null,
  };
}

function isClockSynchronised(): boolean | null {
  if (!existsSync("/run/systemd/system")) return null;
  const text = ask("timedatectl", "show", "--property=NTPSynchronized", "--value");
  return text === null ? null : text === "yes";
}

/** The folder is made if it is not there, as any command would. */
async function examineState(): Promise<readonly Finding[]> {
  let home: Home;
  try {
    home = openHome();
  } catch (error) {
    return [fault("state folder", QrewError.from(error).message, "see above")];
  }
  const folder = judgeFolder({
    folder: home.folder,
    type: placeOf(home.folder).type,
    freeBytes: freeBytes(home.folder),
  });
  return [
    folder,
    ...(home.notice === null ? [] : [warning("state folder", home.notice, "see above")]),
    ...settingsOf(home),
    await daemonOf(home),
  ];
}

function freeBytes(folder: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return null;
  }
}

function settingsOf(home: Home): readonly Finding[] {
  try {
    const { size } = readSettings(home.folder);
    return size === 0 ? [] : [good("settings", `${size} set: see \`qrew config\``)];
  } catch (error) {
    return [fault("settings", QrewError.from(error).message, "see `qrew config --help`")];
  }
}

async function daemonOf(home: Home): Promise<Finding> {
  try {
    const outcome = await openConnection(path.join(home.runFolder, MANAGER_SOCKET_NAME), ASK_TIMEOUT_MS);
    if (outcome.type === "connected") {
      const { managerPid } = outcome.connection;
      outcome.connection.close();
      return good("daemon", `it runs (pid ${managerPid})`);
    }
    const holder = await livingHolder(home);
    return holder === null
      ? good("daemon", "none runs: commands that need one start it")
      : fault("daemon", `pid ${holder.pid} lives and does not listen`, "run `qrew daemon stop --now`");
  } catch (error) {
    return fault("daemon", QrewError.from(error).message, "run `qrew daemon stop --now`");
  }
}
