/**
 * What the scheduler has to know of a task: executor, resources, timeout, priority, retry. Read from the task's own
 * fields over those of the defaults (resources and retry key by key), with placeholders filled.
 */
import type { FaultList, Path } from "./fault.ts";
import { checkKeys, type Field, fieldOf, fieldsIn, type KnownKeys, noFields } from "./field.ts";
import { noOtherNames } from "./nearest.ts";
import type { Filling } from "./placeholder.ts";
import { withPlaceholders } from "./placeholderUse.ts";
import type { RetryPolicy, TaskClass } from "./plan.ts";
import { type Quantity, readDuration, readInteger, readNumber } from "./quantity.ts";
import { readSetting } from "./readSetting.ts";
import { readRetryOn } from "./retryOn.ts";
import { type Amounts, readResources } from "./resourceFields.ts";
import { describe, type Entries, isEntries } from "./scalar.ts";

export interface SettingFields {
  readonly executor: Field | null;
  readonly timeout: Field | null;
  readonly priority: Field | null;
  readonly resources: ReadonlyMap<string, Field>;
  readonly retry: ReadonlyMap<string, Field>;
}

export const noSettings: SettingFields = {
  executor: null,
  timeout: null,
  priority: null,
  resources: noFields,
  retry: noFields,
};

const RETRY_KEYS: KnownKeys = {
  owner: "retry",
  keys: new Set(["limit", "backoff", "factor", "max", "on"]),
  later: new Set(),
  otherNames: noOtherNames,
};

/** The setting fields of a task or of the defaults, not yet read. */
export function settingFieldsOf(entries: Entries, path: Path, faults: FaultList): SettingFields {
  return {
    executor: fieldOf(entries, "executor", path),
    timeout: fieldOf(entries, "timeout", path),
    priority: fieldOf(entries, "priority", path),
    resources: fieldsIn(fieldOf(entries, "resources", path), "resources", faults),
    retry: retryFields(fieldOf(entries, "retry", path), faults),
  };
}

/** A plain number is the limit. */
function retryFields(field: Field | null, faults: FaultList): ReadonlyMap<string, Field> {
  if (field === null) return noFields;
  if (!isEntries(field.value)) return new Map([["limit", field]]);
  checkKeys(field.value, RETRY_KEYS, field.path, faults);
  return fieldsIn(field, "retry", faults);
}

/** The task's own fields over those of the defaults. */
export function overSettings(own: SettingFields, defaults: SettingFields): SettingFields {
  return {
    executor: own.executor ?? defaults.executor,
    timeout: own.timeout ?? defaults.timeout,
    priority: own.priority ?? defaults.priority,
    resources: overFields(own.resources, defaults.resources),
    retry: overFields(own.retry, defaults.retry),
  };
}

function overFields(
  own: ReadonlyMap<string, Field>,
  defaults: ReadonlyMap<string, Field>,
): ReadonlyMap<string, Field> {
  if (own.size === 0) return defaults;
  return defaults.size === 0 ? own : new Map([...defaults, ...own]);
}

/** The fields with placeholders, with their texts. */
export function* settingPlaceholders(fields: SettingFields): Generator<{ field: Field; text: string }> {
  yield* withPlaceholders(fields.timeout);
  yield* withPlaceholders(fields.priority);
  for (const field of fields.resources.values()) yield* withPlaceholders(field);
  for (const field of fields.retry.values()) yield* withPlaceholders(field);
}

/** Reads the fields for one element (`filling` null: not an array). A wrong field is blamed and its default taken. */
export function readTaskClass(
  fields: SettingFields,
  filling: Filling | null,
  amounts: Amounts,
  faults: FaultList,
): TaskClass {
  return {
    executor: readExecutor(fields.executor, faults),
    resources: readResources(fields.resources, filling, amounts, faults),
    priority: readSetting("priority", fields.priority, filling, 0, faults, (value) =>
      readInteger(value, -1000, 1000),
    ),
    timeoutMs: readTimeout(fields.timeout, filling, faults),
    retry: readRetry(fields.retry, filling, faults),
  };
}

const LATER_EXECUTORS: ReadonlySet<string> = new Set(["docker", "kube", "slurm", "api"]);

function readExecutor(field: Field | null, faults: FaultList): TaskClass["executor"] {
  const value = field?.value ?? "shell";
  if (value === "shell" || value === "noop") return value;
  field?.blame(faults, () =>
    typeof value === "string" && LATER_EXECUTORS.has(value)
      ? `This version does not support the executor ${value} yet: use shell.`
      : `executor must be shell or noop, found ${describe(value)}.`,
  );
  return "shell";
}

/** `none` takes back a timeout of the defaults. */
function readTimeout(field: Field | null, filling: Filling | null, faults: FaultList): number | null {
  if (field?.value === "none") return null;
  return readSetting("timeout", field, filling, null, faults, (value) => readDuration(value, 1));
}

/** A thousand repetitions with the longest wait are half a week; more is a loop, not a repair. */
const RETRY_LIMIT_MAX = 1000;
const FACTOR_MAX = 100;
const DEFAULT_BACKOFF_MS = 1000;
const DEFAULT_FACTOR = 2;
const DEFAULT_BACKOFF_MAX_MS = 300_000;

function readRetry(
  fields: ReadonlyMap<string, Field>,
  filling: Filling | null,
  faults: FaultList,
): RetryPolicy {
  if (fields.size === 0) return noRetry;
  const read = (key: string, fallback: number, check: (value: unknown) => Quantity): number =>
    readSetting(`${key} of retry`, fields.get(key), filling, fallback, faults, check);
  const duration = (value: unknown): Quantity => readDuration(value, 0);
  const backoffMs = read("backoff", DEFAULT_BACKOFF_MS, duration);
  const maxMs = read("max", Math.max(DEFAULT_BACKOFF_MAX_MS, backoffMs), duration);
  if (maxMs < backoffMs) {
    fields.get("max")?.blame(faults, () => "max of retry must not be shorter than its backoff.");
  }
  const on = fields.get("on") ?? null;
  if (on !== null && !fields.has("limit")) {
    on.blame(faults, () => "retry has on and no limit: say how many repetitions there may be.");
  }
  return {
    limit: read("limit", 0, (value) => readInteger(value, 0, RETRY_LIMIT_MAX)),
    on: on === null ? null : readRetryOn(on, on.filled(filling), faults),
    backoffMs,
    factor: read("factor", DEFAULT_FACTOR, (value) => readNumber(value, 1, FACTOR_MAX)),
    maxMs,
  };
}

const noRetry: RetryPolicy = {
  limit: 0,
  on: null,
  backoffMs: DEFAULT_BACKOFF_MS,
  factor: DEFAULT_FACTOR,
  maxMs: DEFAULT_BACKOFF_MAX_MS,
};
