/**
 * The messages of every attempt, checked by hand: what the schemas of executorLink.ts take 15 us for is done in one. As strict as they
 * are, for what nearly all attempts look like: what is not recognised here may still be a message, and goes to the schema.
 */
import type {
  AttemptEnded,
  AttemptStarted,
  ExecutorCommand,
  ExecutorFact,
  ShellAttemptSpec,
  Usage,
} from "./executorLink.ts";
import { TEXT_LENGTH_MAX } from "./fields.ts";
import type { AttemptId } from "./ids.ts";

export function isHotCommand(item: unknown): item is ExecutorCommand {
  if (!isRecord(item) || !hasKeys(item, 2) || !Array.isArray(item["attempts"])) return false;
  if (item["type"] === "runAttempts") return item["attempts"].every(isShellAttempt);
  return item["type"] === "acknowledgeAttempts" && item["attempts"].every(isOnlyId);
}

export function isHotFact(item: unknown): item is ExecutorFact {
  if (!isRecord(item) || !hasKeys(item, 2) || !Array.isArray(item["attempts"])) return false;
  if (item["type"] === "attemptsEnded") return item["attempts"].every(isEnded);
  return item["type"] === "attemptsStarted" && item["attempts"].every(isStarted);
}

type Fields = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Fields => typeof value === "object" && value !== null;

/** With as many fields as are looked at, each of which has to be there, none is unknown. */
function hasKeys(record: Fields, count: number): boolean {
  let found = 0;
  for (const _ in record) found++;
  return found === count;
}

const isU32 = (value: unknown): boolean =>
  typeof value === "number" && value >= 0 && value <= 0xffff_ffff && Number.isInteger(value);

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

const isFinite = (value: unknown): boolean => Number.isFinite(value);

const isText = (value: unknown): boolean => typeof value === "string" && value.length <= TEXT_LENGTH_MAX;

const isId = (record: Fields): boolean =>
  isU32(record["job"]) && isU32(record["task"]) && isU32(record["attempt"]) && record["attempt"] !== 0;

const isOnlyId = (value: unknown): value is AttemptId => isRecord(value) && isId(value) && hasKeys(value, 3);

function isShellAttempt(value: unknown): value is ShellAttemptSpec {
  if (!isRecord(value) || value["kind"] !== "shell" || !isId(value)) return false;
  return (
    isText(value["name"]) &&
    isCount(value["cpusMilli"]) &&
    typeof value["isPooled"] === "boolean" &&
    isCommand(value["command"]) &&
    isEnvironment(value["env"]) &&
    (value["stdin"] === null || isText(value["stdin"])) &&
    (value["workdir"] === null || isText(value["workdir"])) &&
    value["files"] === null &&
    (value["after"] === null || isFollowed(value["after"])) &&
    hasKeys(value, 13)
  );
}

const isFollowed = (value: unknown): boolean =>
  isRecord(value) &&
  isU32(value["task"]) &&
  isU32(value["attempt"]) &&
  value["attempt"] !== 0 &&
  hasKeys(value, 2);

const isCommand = (value: unknown): boolean =>
  Array.isArray(value) ? value.length > 0 && value.every(isText) : isText(value);

/** Names that objects have of themselves are left to the schema. */
function isEnvironment(value: unknown): boolean {
  if (!isRecord(value) || Array.isArray(value)) return false;
  for (const name in value) {
    if (typeof value[name] !== "string" || name in Object.prototype || name === "prototype") return false;
  }
  return true;
}

function isStarted(value: unknown): value is AttemptStarted {
  if (!isRecord(value) || !isId(value)) return false;
  return (
    isFinite(value["startedAtMs"]) &&
    isFinite(value["startedMonoMs"]) &&
    (value["pid"] === null || isCount(value["pid"])) &&
    hasKeys(value, 6)
  );
}

function isEnded(value: unknown): value is AttemptEnded {
  if (!isRecord(value) || !isId(value)) return false;
  return (
    isExit(value["outcome"]) &&
    (value["startedAtMs"] === null || isFinite(value["startedAtMs"])) &&
    (value["startedMonoMs"] === null || isFinite(value["startedMonoMs"])) &&
    isFinite(value["endedAtMs"]) &&
    isFinite(value["endedMonoMs"]) &&
    (value["usage"] === null || isUsage(value["usage"])) &&
    (value["stdout"] === null || isInline(value["stdout"])) &&
    (value["stderr"] === null || isInline(value["stderr"])) &&
    hasKeys(value, 11)
  );
}

const isExit = (value: unknown): boolean =>
  isRecord(value) && value["type"] === "exited" && isCount(value["exitCode"]) && hasKeys(value, 2);

const isUsage = (value: unknown): value is Usage =>
  isRecord(value) &&
  isFinite(value["userSeconds"]) &&
  isFinite(value["systemSeconds"]) &&
  isCount(value["maxRssBytes"]) &&
  hasKeys(value, 3);

const isInline = (value: unknown): boolean =>
  isRecord(value) &&
  value["type"] === "inline" &&
  value["bytes"] instanceof Uint8Array &&
  isCount(value["cutBytes"]) &&
  hasKeys(value, 3);
