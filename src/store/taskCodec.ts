/**
 * A TaskRecord as bytes: a msgpack array with the fields in a fixed order, nulls at its end left out, checked by hand. A
 * job of a million tasks writes a few million of these: 0.3 µs and about 90 bytes each, where an object with names takes
 * three times both.
 */
import { assertNever } from "../../protocol/errors.ts";
import type { Usage } from "../../protocol/executorLink.ts";
import { taskIndex } from "../../protocol/ids.ts";
import { damagedRecord, packRecord, type Place, unpackValue } from "./record.ts";
import type { TaskReason, TaskRecord, TaskState } from "./workerRecords.ts";

/** The number of a state is its place here: append only. */
const STATES: readonly TaskState[] = [
  "waiting",
  "ready",
  "running",
  "backoff",
  "succeeded",
  "failed",
  "cancelled",
  "skipped",
];

/** The number of a reason is its place here: append only. */
const REASONS: readonly TaskReason["type"][] = [
  "exited",
  "signalled",
  "timedOut",
  "notStarted",
  "dependency",
  "lost",
  "cancelled",
  "failFast",
  "notNeeded",
  "outputsMissing",
  "stopping",
  "outOfMemory",
  "follows",
];

const STOPS: readonly Extract<TaskReason, { type: "stopping" }>["because"][] = ["timeout", "drain", "crash"];
const CONDITIONS: readonly Extract<TaskReason, { type: "notNeeded" }>["when"][] = ["success", "failure"];

export function encodeTask(record: TaskRecord): Uint8Array {
  const { usage } = record;
  const fields: unknown[] = [
    STATES.indexOf(record.state),
    record.attempt,
    record.failures,
    record.readySeq,
    record.startedSeq,
    record.finishedSeq,
    record.startedAtMs,
    record.finishedAtMs,
    record.startedMonoMs,
    record.endedMonoMs,
    record.exitCode,
    record.node,
    usage === null ? null : [usage.userSeconds, usage.systemSeconds, usage.maxRssBytes],
    record.signal,
    record.reason === null ? null : encodeReason(record.reason),
    record.retryAtMs,
    record.losses === 0 ? null : record.losses,
  ];
  while (fields.at(-1) === null) fields.pop();
  return packRecord(fields);
}

function encodeReason(reason: TaskReason): readonly unknown[] {
  const number = REASONS.indexOf(reason.type);
  switch (reason.type) {
    case "exited":
      return [number, reason.exitCode];
    case "signalled":
      return [number, reason.signal];
    case "timedOut":
      return [number, reason.timeoutMs];
    case "notStarted":
      return [number, reason.reason, reason.detail];
    case "dependency":
      return [number, reason.task, STATES.indexOf(reason.state)];
    case "lost":
      return [number, reason.detail];
    case "cancelled":
    case "outOfMemory":
      return [number];
    case "stopping":
      return [number, STOPS.indexOf(reason.because)];
    case "failFast":
    case "follows":
      return [number, reason.task];
    case "outputsMissing":
      return [number, reason.count, ...reason.missing];
    case "notNeeded":
      return [number, CONDITIONS.indexOf(reason.when)];
    default:
      return assertNever(reason);
  }
}

/** Throws `storeDamaged`, naming table and key, for anything that `encodeTask` does not write. */
export function decodeTask(bytes: Uint8Array, place: Place): TaskRecord {
  const fields = new Fields(unpackValue(bytes, place), place);
  const record: TaskRecord = {
    state: fields.one(STATES),
    attempt: fields.count(),
    failures: fields.count(),
    readySeq: fields.countOrNull(),
    startedSeq: fields.countOrNull(),
    finishedSeq: fields.countOrNull(),
    startedAtMs: fields.numberOrNull(),
    finishedAtMs: fields.numberOrNull(),
    startedMonoMs: fields.numberOrNull(),
    endedMonoMs: fields.numberOrNull(),
    exitCode: fields.countOrNull(),
    node: fields.textOrNull(),
    usage: decodeUsage(fields.listOrNull()),
    signal: fields.textOrNull(),
    reason: decodeReason(fields.listOrNull()),
    retryAtMs: fields.numberOrNull(),
    losses: fields.countOrNull() ?? 0,
  };
  fields.end();
  return record;
}

function decodeUsage(fields: Fields | null): Usage | null {
  if (fields === null) return null;
  const usage = {
    userSeconds: fields.number(),
    systemSeconds: fields.number(),
    maxRssBytes: fields.count(),
  };
  fields.end();
  return usage;
}

function decodeReason(fields: Fields | null): TaskReason | null {
  if (fields === null) return null;
  const reason = reasonOf(fields);
  fields.end();
  return reason;
}

function reasonOf(fields: Fields): TaskReason {
  const type = fields.one(REASONS);
  switch (type) {
    case "exited":
      return { type, exitCode: fields.count() };
    case "signalled":
      return { type, signal: fields.text() };
    case "timedOut":
      return { type, timeoutMs: fields.number() };
    case "notStarted":
      return { type, reason: fields.text(), detail: fields.text() };
    case "dependency":
      return { type, task: taskIndex(fields.count()), state: fields.one(STATES) };
    case "lost":
      return { type, detail: fields.text() };
    case "cancelled":
    case "outOfMemory":
      return { type };
    case "stopping":
      return { type, because: fields.one(STOPS) };
    case "failFast":
    case "follows":
      return { type, task: taskIndex(fields.count()) };
    case "outputsMissing":
      return { type, count: fields.count(), missing: fields.texts() };
    case "notNeeded":
      return { type, when: fields.one(CONDITIONS) };
    default:
      return assertNever(type);
  }
}

/** Takes the fields of a list one after another, checking each; past the end they are null. */
class Fields {
  private readonly values: readonly unknown[];
  private readonly place: Place;
  private index = 0;

  constructor(value: unknown, place: Place) {
    this.place = place;
    if (!Array.isArray(value)) throw damagedRecord(place, "it is no list");
    this.values = value;
  }

  count(): number {
    const value = this.next();
    return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : this.wrong(value);
  }

  countOrNull(): number | null {
    return this.peek() === null ? this.skip() : this.count();
  }

  number(): number {
    const value = this.next();
    return typeof value === "number" && Number.isFinite(value) ? value : this.wrong(value);
  }

  numberOrNull(): number | null {
    return this.peek() === null ? this.skip() : this.number();
  }

  text(): string {
    const value = this.next();
    return typeof value === "string" ? value : this.wrong(value);
  }

  /** All that are left. */
  texts(): string[] {
    const texts: string[] = [];
    while (this.index < this.values.length) texts.push(this.text());
    return texts;
  }

  textOrNull(): string | null {
    return this.peek() === null ? this.skip() : this.text();
  }

  one<Name>(names: readonly Name[]): Name {
    const value = this.next();
    const name = typeof value === "number" ? names[value] : undefined;
    return name === undefined ? this.wrong(value) : name;
  }

  listOrNull(): Fields | null {
    return this.peek() === null ? this.skip() : new Fields(this.next(), this.place);
  }

  end(): void {
    if (this.index < this.values.length) this.wrong(this.values[this.index]);
  }

  private peek(): unknown {
    return this.index < this.values.length ? this.values[this.index] : null;
  }

  private next(): unknown {
    const value = this.peek();
    this.index += 1;
    return value;
  }

  private skip(): null {
    this.index += 1;
    return null;
  }

  private wrong(value: unknown): never {
    throw damagedRecord(this.place, `field ${this.index} is of type ${typeof value}`);
  }
}
