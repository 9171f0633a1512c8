/** What `qrew doctor` judges of this machine. Everything is given, so that each judgement is tested without the machine. */
import { formatBytes } from "../../node/resources.ts";
import type { Capacity } from "../../node/capacity.ts";
import { type DescriptorLimit, FILE_DESCRIPTORS_MIN } from "../../node/limits.ts";
import { type Finding, fault, good, warning } from "./findings.ts";

/** As package.json says. */
const NODE_MAJOR_MIN = 20;
const NODE_MINOR_MIN = 11;

export function judgeNode(version: string): Finding {
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number);
  const isEnough = major > NODE_MAJOR_MIN || (major === NODE_MAJOR_MIN && minor >= NODE_MINOR_MIN);
  const least = `${NODE_MAJOR_MIN}.${NODE_MINOR_MIN}`;
  return isEnough
    ? good("node", `Node ${version}`)
    : fault("node", `Node ${version} is older than ${least}`, "install a newer one from nodejs.org");
}

export function judgeCapacity({ resources, sources }: Capacity): readonly Finding[] {
  const { cpusMilli, memoryBytes } = resources;
  return [
    good("cpus", `${cpusMilli / 1000} (${sources.cpus})`),
    good("memory", `${formatBytes(memoryBytes)} (${sources.memory})`),
  ];
}

/** `listed` are the lines of `nvidia-smi -L`; null where there is no such program, or it failed. */
export function judgeGpus(devices: number, listed: readonly string[] | null): Finding {
  if (devices === 0 && (listed === null || listed.length === 0)) return good("gpus", "none");
  if (listed === null)
    return warning(
      "gpus",
      `${devices} in /dev, but nvidia-smi does not answer`,
      "check the driver with `nvidia-smi`",
    );
  if (listed.length === devices) return good("gpus", `${devices}: ${listed[0] ?? ""}`);
  return warning(
    "gpus",
    `${devices} in /dev, ${listed.length} listed by nvidia-smi`,
    `say how many tasks may use: \`qrew config set daemon.gpus ${Math.min(devices, listed.length)}\``,
  );
}

/** Peers of a large node have four descriptors each; a few thousand are never too many. */
const FILE_DESCRIPTORS_GOOD = 4096;

export function judgeDescriptors(limit: DescriptorLimit | null): Finding {
  const topic = "open files";
  if (limit === null) return good(topic, "not known here");
  const { soft, hard } = limit;
  if (soft < FILE_DESCRIPTORS_MIN)
    return fault(
      topic,
      `${soft}, and the daemon needs ${FILE_DESCRIPTORS_MIN}`,
      hard >= FILE_DESCRIPTORS_MIN
        ? `run \`ulimit -n ${FILE_DESCRIPTORS_MIN}\` before the daemon is started`
        : "ask your administrator to raise the hard limit (limits.conf)",
    );
  if (soft < FILE_DESCRIPTORS_GOOD && hard >= FILE_DESCRIPTORS_GOOD)
    return warning(
      topic,
      `${soft}: enough for the daemon, few for tasks`,
      `run \`ulimit -n ${FILE_DESCRIPTORS_GOOD}\``,
    );
  return good(topic, String(soft));
}

export interface ForkserverFound {
  /** The compiled program, or null. */
  readonly program: string | null;
  /** A C compiler in the PATH, or null. */
  readonly compiler: string | null;
}

export function judgeForkserver({ program, compiler }: ForkserverFound): Finding {
  const topic = "forkserver";
  if (program !== null) return good(topic, `in C: ${program}`);
  const twin = "the TypeScript twin serves: without cpu times and peak memory of tasks, and slower";
  return compiler === null
    ? warning(topic, twin, "install a C compiler (`apt install gcc libc6-dev`), then `npm run build`")
    : warning(topic, twin, `run \`npm run build\`, which compiles it with ${compiler}`);
}

export interface LogoutFound {
  /** systemd-logind serves this machine. */
  readonly hasLogind: boolean;
  /** Null where it is not known. */
  readonly killsProcesses: boolean | null;
  readonly lingers: boolean | null;
  /** The Slurm job that this shell is in. */
  readonly slurmJob: string | null;
}

export function judgeLogout({ hasLogind, killsProcesses, lingers, slurmJob }: LogoutFound): Finding {
  const topic = "logout";
  if (slurmJob !== null)
    return warning(
      topic,
      `this shell is in the Slurm job ${slurmJob}: a daemon that is started here ends with it`,
      "wait for your jobs with `qrew wait all` before the allocation ends",
    );
  if (!hasLogind) return good(topic, "no logind: the daemon outlives a logout");
  if (killsProcesses === false)
    return good(topic, "logind leaves processes alone: the daemon outlives a logout");
  if (lingers === true) return good(topic, "you linger: the daemon outlives a logout");
  const text =
    killsProcesses === true
      ? "logind kills your processes at logout, the daemon and its tasks too"
      : "it is not known whether logind kills your processes at logout";
  return warning(topic, text, "run `loginctl enable-linger`");
}

/** Before this program was written, the clock is wrong. */
const EARLIEST_MS = Date.UTC(2025, 0, 1);

/** `isSynchronised` is null where nobody knows. */
export function judgeClock(nowMs: number, isSynchronised: boolean | null): Finding {
  const now = new Date(nowMs).toISOString();
  if (nowMs < EARLIEST_MS)
    return fault("clock", `it says ${now}`, "set the clock: times of jobs and `--since` depend on it");
  if (isSynchronised === false)
    return warning("clock", `${now}, not synchronised`, "run `timedatectl set-ntp true`, if it drifts");
  return good("clock", now);
}

export interface FolderFound {
  readonly folder: string;
  readonly type: string;
  readonly freeBytes: number | null;
}

/** LMDB and spool files grow with the work; below this a job of some size does not pass. */
const FREE_BYTES_GOOD = 1024 ** 3;
const FREE_BYTES_MIN = 64 * 1024 ** 2;

export function judgeFolder({ folder, type, freeBytes }: FolderFound): Finding {
  const topic = "state folder";
  const place = `${folder} (${type})`;
  if (freeBytes === null) return good(topic, place);
  const free = `${formatBytes(freeBytes)} free`;
  const advice = "make room, or set QREW_HOME to a folder on another local disk";
  if (freeBytes < FREE_BYTES_MIN) return fault(topic, `${place}, only ${free}`, advice);
  if (freeBytes < FREE_BYTES_GOOD) return warning(topic, `${place}, only ${free}`, advice);
  return good(topic, `${place}, ${free}`);
}
