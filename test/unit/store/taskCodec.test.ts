import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { QrewError } from "../../../protocol/errors.ts";
import { taskIndex } from "../../../protocol/ids.ts";
import { u32Key } from "../../../src/store/keys.ts";
import { packRecord } from "../../../src/store/record.ts";
import { decodeTask, encodeTask } from "../../../src/store/taskCodec.ts";
import type { TaskReason, TaskRecord, TaskState } from "../../../src/store/workerRecords.ts";
import { failureOf } from "../../support/failure.ts";

const PLACE = { table: "tasks", key: u32Key(3, 8) };

const states: readonly TaskState[] = [
  "waiting",
  "ready",
  "running",
  "backoff",
  "succeeded",
  "failed",
  "cancelled",
  "skipped",
];
const state = fc.constantFrom(...states);
const count = fc.oneof(fc.nat(), fc.maxSafeNat());
/** Without -0, which msgpack writes as 0. */
const amount = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const orNull = <Value>(arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> =>
  fc.option(arbitrary, { nil: null });

const reason: fc.Arbitrary<TaskReason> = fc.oneof(
  fc.record({ type: fc.constant("exited" as const), exitCode: count }),
  fc.record({ type: fc.constant("signalled" as const), signal: fc.string() }),
  fc.record({ type: fc.constant("timedOut" as const), timeoutMs: amount }),
  fc.record({ type: fc.constant("notStarted" as const), reason: fc.string(), detail: fc.string() }),
  fc.record({ type: fc.constant("dependency" as const), task: fc.nat().map(taskIndex), state }),
  fc.record({ type: fc.constant("lost" as const), detail: fc.string() }),
  fc.record({ type: fc.constant("cancelled" as const) }),
  fc.record({
    type: fc.constant("stopping" as const),
    because: fc.constantFrom("timeout" as const, "drain" as const),
  }),
  fc.record({ type: fc.constant("failFast" as const), task: fc.nat().map(taskIndex) }),
  fc.record({ type: fc.constant("outputsMissing" as const), missing: fc.array(fc.string()), count }),
  fc.record({
    type: fc.constant("notNeeded" as const),
    when: fc.constantFrom("success" as const, "failure" as const),
  }),
);

const record: fc.Arbitrary<TaskRecord> = fc.record({
  state,
  attempt: count,
  failures: count,
  readySeq: orNull(count),
  startedSeq: orNull(count),
  finishedSeq: orNull(count),
  startedAtMs: orNull(amount),
  finishedAtMs: orNull(amount),
  startedMonoMs: orNull(amount),
  endedMonoMs: orNull(amount),
  exitCode: orNull(count),
  signal: orNull(fc.string()),
  usage: orNull(fc.record({ userSeconds: amount, systemSeconds: amount, maxRssBytes: count })),
  node: orNull(fc.string()),
  reason: orNull(reason),
  retryAtMs: orNull(amount),
  losses: count,
});

describe("a task record", () => {
  it("comes back as it was written", () => {
    fc.assert(
      fc.property(record, (task) => {
        // The record has no prototype of its own in fast-check.
        expect(decodeTask(encodeTask(task), PLACE)).toEqual({ ...task });
      }),
      { numRuns: 500 },
    );
  });

  it("of a finished task stays small", () => {
    const bytes = encodeTask({
      state: "succeeded",
      attempt: 1,
      failures: 0,
      readySeq: 123_456,
      startedSeq: 123_457,
      finishedSeq: 123_460,
      startedAtMs: 1_700_000_000_123.456,
      finishedAtMs: 1_700_000_000_125.5,
      startedMonoMs: 5_123_456.789,
      endedMonoMs: 5_123_458.1,
      exitCode: 0,
      signal: null,
      usage: { userSeconds: 0.001, systemSeconds: 0.002, maxRssBytes: 2_048_000 },
      node: "node01",
      reason: null,
      retryAtMs: null,
      losses: 0,
    });
    expect(bytes.length).toBeLessThan(96);
  });

  const good: readonly unknown[] = [4, 1, 0, 1, 2, 3];
  it.each<[string, unknown]>([
    ["is no list", { state: "ready" }],
    ["is empty", []],
    ["has an unknown state", [99, ...good.slice(1)]],
    ["has a state by name", ["ready", ...good.slice(1)]],
    ["has a fraction as count", [4, 1.5, 0]],
    ["has a negative count", [4, -1, 0]],
    ["lacks a count", [4, 1]],
    ["has a text as number", [4, 1, 0, null, null, null, "then"]],
    ["has usage of two fields", [...good, 1, 2, 3, 4, 0, "n", [1, 2]]],
    ["has usage of four fields", [...good, 1, 2, 3, 4, 0, "n", [1, 2, 3, 4]]],
    ["has an unknown reason", [...good, 1, 2, 3, 4, 0, "n", null, null, [99]]],
    ["has a reason without its field", [...good, 1, 2, 3, 4, 0, "n", null, null, [0]]],
    ["has a field too many", [...good, 1, 2, 3, 4, 0, "n", null, null, null, null, null, 1]],
  ])("that %s is storeDamaged, with table and key", (_, value) => {
    const bytes = packRecord(value);
    const failure = failureOf(() => decodeTask(bytes, PLACE));
    expect(failure.code).toBe("storeDamaged");
    expect(failure.message).toMatch(/tasks, key 3\/8/);
  });

  it("is a record or storeDamaged, whatever the bytes are", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.array(fc.anything()).map(packSafely)), (bytes) => {
        expect([...states, "storeDamaged"]).toContain(outcomeOf(bytes));
      }),
      { numRuns: 500 },
    );
  });
});

function packSafely(value: unknown): Uint8Array {
  try {
    return packRecord(value);
  } catch {
    return new Uint8Array(0);
  }
}

function outcomeOf(bytes: Uint8Array): string {
  try {
    return decodeTask(bytes, PLACE).state;
  } catch (error) {
    return QrewError.from(error).code;
  }
}
