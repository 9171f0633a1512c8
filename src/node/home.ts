/**
 * The state folder (stores, output, the lock of the manager) and the run folder (sockets) of this user.
 *
 * Both are private: whoever can write there can run commands as the user. And both are on this machine: LMDB's locks
 * and unix sockets mean nothing on a network file system.
 */
import { createHash } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync, realpathSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { QrewError } from "../../protocol/errors.ts";
import { SOCKET_PATH_BYTES_MAX } from "../../protocol/limits.ts";
import { isKernelFileSystem, isNetworkFileSystem, type PathPlace, placeOf } from "./filesystem.ts";

/** What the choice depends on; a test gives its own. */
export interface HomeInputs {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  readonly uid: number;
  readonly placeOf: (target: string) => PathPlace;
}

export interface HomeLocation {
  /** Absolute; need not exist yet. */
  readonly folder: string;
  readonly source: "environment" | "default" | "fallback";
  /** A sentence for the user, where the folder is not the one that he would expect; else null. */
  readonly notice: string | null;
}

export interface Home {
  /** Absolute, without symbolic links. It exists, is ours, and only we can write there. */
  readonly folder: string;
  /** For sockets: exists, 0700, and every socket path in it fits. */
  readonly runFolder: string;
  readonly notice: string | null;
}

/** Longest name of a socket or lock file in the run folder; `manager.ipc` has 11, room is left for later ones. */
export const SOCKET_NAME_BYTES_MAX = 24;

const PRIVATE_MODE = 0o700;
const OTHERS_WRITE = 0o022;
const OTHERS_ANYTHING = 0o077;

export const currentHomeInputs = (): HomeInputs => ({
  environment: process.env,
  homeDirectory: os.homedir(),
  // Not from the list of users: a container may run as somebody who is not in it.
  uid: process.getuid?.() ?? 0,
  placeOf: (target) => placeOf(target),
});

/**
 * `$QREW_HOME`, else `~/.qrew`, else (that is on a network file system) `/var/tmp/qrew-UID`. Creates nothing, and touches
 * nothing on a network file system. Throws `refused` when the chosen folder is on one.
 */
export function locateHome(inputs: HomeInputs = currentHomeInputs()): HomeLocation {
  const asked = inputs.environment["QREW_HOME"];
  if (asked !== undefined && asked !== "") {
    const folder = path.resolve(asked);
    const { type } = inputs.placeOf(folder);
    if (isNetworkFileSystem(type)) {
      throw new QrewError(
        "refused",
        `QREW_HOME (${folder}) is on a network file system (${type}), where the state of qrew is not safe: ` +
          "set QREW_HOME to a folder on a local disk of this machine.",
      );
    }
    if (isKernelFileSystem(type)) {
      throw new QrewError(
        "refused",
        `QREW_HOME (${folder}) is in ${type}, where nothing can be stored: choose another folder.`,
      );
    }
    return { folder, source: "environment", notice: null };
  }
  const usual = path.join(inputs.homeDirectory, ".qrew");
  const usualType = inputs.placeOf(usual).type;
  if (!isNetworkFileSystem(usualType)) return { folder: usual, source: "default", notice: null };
  return fallback(usual, usualType, inputs);
}

function fallback(usual: string, usualType: string, inputs: HomeInputs): HomeLocation {
  const folder = `/var/tmp/qrew-${inputs.uid}`;
  const { type } = inputs.placeOf(folder);
  if (isNetworkFileSystem(type)) {
    throw new QrewError(
      "refused",
      `${usual} and ${folder} are both on network file systems (${usualType}, ${type}), where the state of qrew is ` +
        "not safe: set QREW_HOME to a folder on a local disk of this machine.",
    );
  }
  const notice =
    `${usual} is on a network file system (${usualType}): the state is kept in ${folder} on this machine. ` +
    "Set QREW_HOME to choose another local folder.";
  return { folder, source: "fallback", notice };
}

/** Locates both folders, makes what is missing (0700), and checks whose they are. Throws `refused` if they are not safe. */
export function openHome(inputs: HomeInputs = currentHomeInputs()): Home {
  const location = locateHome(inputs);
  // In a folder that everybody may write to, a name that can be guessed may be somebody else's link.
  const folder =
    location.source === "fallback"
      ? makePrivateFolder(location.folder, inputs.uid)
      : makeOwnFolder(location.folder, inputs.uid);
  return {
    folder,
    runFolder: openRunFolder(folder, inputs),
    notice: location.notice,
  };
}

/** A folder of the user's choice: symbolic links are his, others may read it, but nobody else may write. */
function makeOwnFolder(folder: string, uid: number): string {
  try {
    mkdirSync(folder, { recursive: true, mode: PRIVATE_MODE });
  } catch (error) {
    throw cannotMake(folder, error);
  }
  const found = statSync(folder);
  if (!found.isDirectory()) throw unsafe(folder, "is not a folder");
  if (found.uid !== uid) throw unsafe(folder, `belongs to another user (uid ${found.uid})`);
  if ((found.mode & OTHERS_WRITE) !== 0) {
    throw new QrewError(
      "refused",
      `Others may write to the state folder ${folder} (mode ${formatMode(found.mode)}): run \`chmod 700 ${folder}\`, ` +
        "or set QREW_HOME to another folder.",
    );
  }
  return realpathSync(folder);
}

/** A folder at a place that everybody can write to: made by us, no link, and closed to all others. */
function makePrivateFolder(folder: string, uid: number): string {
  try {
    mkdirSync(folder, { mode: PRIVATE_MODE });
  } catch (error) {
    if (!isExists(error)) throw cannotMake(folder, error);
  }
  const found = lstatSync(folder);
  if (!found.isDirectory()) throw unsafe(folder, "is not a folder");
  if (found.uid !== uid) throw unsafe(folder, `belongs to another user (uid ${found.uid})`);
  if ((found.mode & OTHERS_ANYTHING) !== 0)
    throw unsafe(folder, `is open to others (mode ${formatMode(found.mode)})`);
  return folder;
}

/**
 * `run` in the state folder or, when socket paths there would be too long, a folder named by the state folder's path. It
 * has to be the same for every process whatever its environment is, so /tmp comes before $XDG_RUNTIME_DIR, which cron
 * lacks and which logind removes at logout, below a running daemon.
 */
function openRunFolder(home: string, inputs: HomeInputs): string {
  const inside = path.join(home, "run");
  if (socketPathsFit(inside)) {
    const run = makeOwnFolder(inside, inputs.uid);
    chmodSync(run, PRIVATE_MODE);
    if (socketPathsFit(run)) return run;
  }
  const digest = createHash("sha256").update(home).digest("hex").slice(0, 16);
  const runtime = inputs.environment["XDG_RUNTIME_DIR"];
  const candidates = [`/tmp/qrew-${inputs.uid}-${digest}`];
  if (runtime !== undefined && path.isAbsolute(runtime))
    candidates.push(path.join(runtime, `qrew-${digest}`));
  const faults: string[] = [];
  for (const candidate of candidates) {
    if (!socketPathsFit(candidate)) continue;
    try {
      return makePrivateFolder(candidate, inputs.uid);
    } catch (error) {
      faults.push(QrewError.from(error).message);
    }
  }
  throw new QrewError(
    "refused",
    `The path of ${inside} is too long for sockets, and no other folder for them can be used: set QREW_HOME to a ` +
      `folder with a path of at most ${SOCKET_PATH_BYTES_MAX - SOCKET_NAME_BYTES_MAX - "/run/".length} bytes.`,
    faults,
  );
}

/** Whether a socket of the longest name fits into `sun_path` in this folder. Bytes count, not characters. */
export const socketPathsFit = (folder: string): boolean =>
  Buffer.byteLength(folder) + 1 + SOCKET_NAME_BYTES_MAX <= SOCKET_PATH_BYTES_MAX;

const formatMode = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, "0");

const isExists = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "EEXIST";

const unsafe = (folder: string, why: string): QrewError =>
  new QrewError("refused", `The folder ${folder} ${why}: remove it, or set QREW_HOME to another folder.`);

const cannotMake = (folder: string, error: unknown): QrewError =>
  new QrewError(
    "refused",
    `The folder ${folder} cannot be made (${error instanceof Error ? error.message : String(error)}): ` +
      "set QREW_HOME to a folder that you may write to.",
    [],
    { cause: error },
  );
