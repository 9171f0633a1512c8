/**
 * The settings that a state folder may have: `config.json` in it, written by `qrew config set` or by hand. An option on the command
 * line goes before a setting, a setting before what is usual.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { QrewError } from "../../protocol/errors.ts";
import { FINAL_JOB_STATES } from "../../protocol/states.ts";
import { isEntries } from "../workflow/scalar.ts";
import { didYouMean } from "../workflow/nearest.ts";
import { readDuration, readInteger, readMilli, readSize } from "../workflow/quantity.ts";

interface Setting {
  readonly key: string;
  readonly description: string;
  /** What holds without it, for people. */
  readonly usual: string;
  readonly example: string;
  /** What is wrong with a value, as the end of "KEY must be …"; null if nothing is. */
  readonly fault: (text: string) => string | null;
}

const wholeNumber = (least: number, most: number) => (text: string) => {
  const read = readInteger(text, least, most);
  return read.ok ? null : read.expected;
};

/** More jobs than any state folder has had. */
const JOBS_MAX = 1_000_000;
/** With its unit: that of a bare number is easily taken for another. */
const AGE = /[a-z]$/;

const NAMED = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}=\d+(\.\d{1,3})?$/;

/** In the order in which they are listed. A new setting is a line here, and is read where it counts. */
export const SETTINGS = [
  {
    key: "daemon.cpus",
    description: "cpus that tasks may use together, of a daemon that is started",
    usual: "those that the process may use",
    example: "4",
    fault: (text: string) => {
      const read = readMilli(text);
      if (!read.ok) return read.expected;
      return read.amount > 0 ? null : "more than 0";
    },
  },
  {
    key: "daemon.memory",
    description: "memory that tasks may use together",
    usual: "that of the machine or the control group",
    example: "8G",
    fault: (text: string) => {
      const read = readSize(text);
      return read.ok ? null : read.expected;
    },
  },
  {
    key: "daemon.gpus",
    description: "gpus that tasks may use together",
    usual: "those in /dev",
    example: "1",
    fault: wholeNumber(0, 1024),
  },
  {
    key: "daemon.resources",
    description: "named resources, with commas",
    usual: "none",
    example: "licence=2,scratch=1",
    fault: (text: string) =>
      text.split(",").every((part) => NAMED.test(part)) ? null : "NAME=AMOUNT, several with commas",
  },
  {
    key: "daemon.crashLimit",
    description: "deaths of what runs it for which a task is blamed before it fails",
    usual: "3",
    example: "5",
    fault: wholeNumber(1, 100),
  },
  {
    key: "daemon.leaseSeconds",
    description: "after so long without a word a QWorker or TaskExecutor is killed and replaced",
    usual: "60",
    example: "300",
    fault: wholeNumber(1, 86_400),
  },
  {
    key: "daemon.orphanSeconds",
    description: "tasks go on for so long without QManager and QWorker",
    usual: "86400, which is a day",
    example: "604800",
    fault: wholeNumber(1, 31_622_400),
  },
  {
    key: "jobs.limit",
    description: "jobs that `qrew jobs` shows",
    usual: "20",
    example: "50",
    fault: wholeNumber(1, 1_000_000),
  },
  {
    key: "submit.priority",
    description: "priority of jobs that are submitted from a command line",
    usual: "0",
    example: "10",
    fault: wholeNumber(-1000, 1000),
  },
  {
    key: "prune.olderThan",
    description: "jobs that ended so long ago are deleted by the daemon, when it starts and every hour",
    usual: "no matter how long, where prune.keep is set; else none is",
    example: "30d",
    fault: (text: string) => {
      const read = readDuration(text, 0);
      if (!read.ok) return read.expected;
      return AGE.test(text) ? null : "a time with its unit, such as 12h or 30d";
    },
  },
  {
    key: "prune.keep",
    description: "but so many of the jobs that have ended stay, the newest",
    usual: "0 where prune.olderThan is set; else all stay",
    example: "1000",
    fault: wholeNumber(0, JOBS_MAX),
  },
  {
    key: "prune.state",
    description: "only those that ended so are deleted, with commas",
    usual: FINAL_JOB_STATES.join(","),
    example: "succeeded,cancelled",
    fault: (text: string) =>
      text.split(",").every((text) => FINAL_JOB_STATES.some((state) => state === text))
        ? null
        : `one or more of ${FINAL_JOB_STATES.join(", ")}, with commas`,
  },
  {
    key: "prune.folders",
    description: "whether the folders made by --fresh-dir are deleted with them",
    usual: "no",
    example: "yes",
    fault: (text: string) => (text === "yes" || text === "no" ? null : "yes or no"),
  },
] as const satisfies readonly Setting[];

export type SettingKey = (typeof SETTINGS)[number]["key"];
export type Settings = ReadonlyMap<SettingKey, string>;

const FILE_NAME = "config.json";
/** No list of settings is longer; anything else has the name by mistake. */
const FILE_BYTES_MAX = 64 * 1024;

const usage = (message: string): QrewError => new QrewError("usage", message);

export const settingsPath = (home: string): string => path.join(home, FILE_NAME);

export function settingOf(key: string): (typeof SETTINGS)[number] {
  const found = SETTINGS.find((setting) => setting.key === key);
  if (found !== undefined) return found;
  const near = didYouMean(
    key,
    SETTINGS.map((setting) => setting.key),
  );
  throw usage(`There is no setting ${JSON.stringify(key)}.${near} \`qrew config\` lists all.`);
}

/** Throws `usage` with what the value must be. */
export function checkSetting(key: string, value: string): SettingKey {
  const setting = settingOf(key);
  const fault = setting.fault(value);
  if (fault === null) return setting.key;
  throw usage(
    `${setting.key} must be ${fault}: write for example \`qrew config set ${setting.key} ${setting.example}\`.`,
  );
}

/** Those of the file; none where it is not there. Throws `usage` for what is no setting, with the place of the file. */
export function readSettings(home: string): Settings {
  const file = settingsPath(home);
  const text = textOf(file);
  if (text === null) return new Map();
  const parsed = parse(text, file);
  const settings = new Map<SettingKey, string>();
  for (const [key, value] of Object.entries(parsed)) {
    if (typeof value !== "string" && typeof value !== "number")
      throw usage(
        `${file}: the value of ${JSON.stringify(key)} is neither text nor a number: mend the file.`,
      );
    try {
      settings.set(checkSetting(key, String(value)), String(value));
    } catch (error) {
      throw usage(`${file}: ${QrewError.from(error).message}`);
    }
  }
  return settings;
}

function textOf(file: string): string | null {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    const why = error instanceof Error ? error.message : String(error);
    throw usage(`The settings in ${file} cannot be read (${why}): check its permissions.`);
  }
  if (bytes.length <= FILE_BYTES_MAX) return bytes.toString("utf8");
  throw usage(
    `${file} has ${bytes.length} bytes, and settings have at most ${FILE_BYTES_MAX}: move the file away.`,
  );
}

function parse(text: string, file: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw usage(`${file} is no JSON (${why}): mend it, or remove it to have the usual settings.`);
  }
  if (isEntries(value)) return value;
  throw usage(`${file} is no JSON object of settings: mend it, or remove it to have the usual settings.`);
}

/** Replaces the file as a whole, so that a reader sees the old or the new one; without settings there is no file. */
export function writeSettings(home: string, settings: Settings): void {
  const file = settingsPath(home);
  if (settings.size === 0) {
    rmSync(file, { force: true });
    return;
  }
  const partial = `${file}.${process.pid}`;
  writeFileSync(partial, `${JSON.stringify(Object.fromEntries(settings), null, 2)}\n`, { mode: 0o600 });
  renameSync(partial, file);
}
