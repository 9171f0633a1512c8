/** What is checked quickly is what valibot accepts and returns unchanged; and that is the usual case. */
import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { clientReplySchema, clientRequestSchema } from "../../../protocol/clientLink.ts";
import { quickCheck } from "../../../protocol/quickCheck.ts";
import { managerCommandSchema, workerFactSchema } from "../../../protocol/workerLink.ts";
import { expectNeverWrong, overWire } from "./mangle.ts";

const u32 = fc.nat(0xffff_ffff);
const count = fc.maxSafeNat();
const time = fc.double({ noNaN: true, noDefaultInfinity: true });
const text = fc.string({ maxLength: 12 });
const orNull = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: null });
const of = (
  type: string,
  fields: Record<string, fc.Arbitrary<unknown>>,
): fc.Arbitrary<Record<string, unknown>> => fc.record({ type: fc.constant(type), ...fields });

const states = fc.constantFrom("queued", "running", "paused", "succeeded", "failed", "cancelled");
const names = [
  "total",
  "waiting",
  "ready",
  "running",
  "backoff",
  "succeeded",
  "failed",
  "cancelled",
  "skipped",
];
const tasks = fc.record(Object.fromEntries(names.map((name) => [name, count])));
const running = fc.array(fc.record({ name: text, attempt: count, startedAtMs: time }), { maxLength: 2 });
const report = fc.record({
  ...{ job: u32, round: count, state: states, tasks, seq: count, running, isPooled: fc.boolean() },
});
const resources = fc.record({
  cpusMilli: count,
  memoryBytes: count,
  gpusMilli: count,
  named: fc.dictionary(fc.stringMatching(/^[a-z]{1,9}$/), fc.nat(9), { maxKeys: 2 }),
});
const options = fc.record({
  name: orNull(text),
  source: text,
  directory: fc.oneof(of("existing", { path: text }), of("fresh", {})),
  env: fc.dictionary(fc.stringMatching(/^[A-Z_]{1,9}$/), text, { maxKeys: 3 }),
  umask: fc.nat(0o777),
  import: fc.record({
    format: fc.constantFrom(null, "wfformat", "makeflow"),
    timeScale: fc.constant(1),
    sizeScale: fc.constant(0),
    jx: fc.array(fc.record({ source: text, text }), { maxLength: 2 }),
  }),
  retries: orNull(u32),
  priority: fc.integer({ min: -10, max: 10 }),
});
const summary = fc.record({
  ...{ job: u32, name: text, state: states, createdAtMs: time, startedAtMs: orNull(time) },
  ...{ finishedAtMs: orNull(time), tasks, detail: orNull(text) },
});

const requests = fc.oneof(
  of("openSubmission", {
    request: count,
    options,
    key: orNull(fc.string({ minLength: 1, maxLength: 60 })),
    isNewKey: fc.boolean(),
    whole: orNull(fc.uint8Array({ maxLength: 9 })),
    follow: fc.boolean(),
  }),
  of("followJobs", { request: count, jobs: fc.array(u32, { maxLength: 3 }) }),
);
const replies = fc.oneof(
  of("jobChanged", { request: count, summary, running }),
  of("jobAccepted", { request: count, job: u32, tasks: count, repeated: fc.boolean() }),
);
const commands = fc.oneof(
  of("setLoan", { job: u32, serial: count, resources }),
  of("releaseJob", { job: u32 }),
  of("ping", {}),
);
const facts = fc.oneof(
  of("jobFinished", { report, finishedAtMs: time, detail: orNull(text) }),
  of("jobParked", { report, untilMs: orNull(time) }),
);

describe.each([
  ["request of a client", requests, clientRequestSchema],
  ["reply to a client", replies, clientReplySchema],
  ["command to a QWorker", commands, managerCommandSchema],
  ["fact of a QWorker", facts, workerFactSchema],
] as const)("a %s", (_, messages, schema) => {
  const isUsual: (item: unknown) => boolean = quickCheck<unknown>(schema);

  it("is recognised, and the schema makes the same of it", () => {
    fc.assert(
      fc.property(messages, (sent) => {
        const item = overWire(sent);
        expect(v.parse(schema, item)).toEqual(item);
        expect(isUsual(item)).toBe(true);
      }),
    );
  });

  it("is never recognised where the schema refuses it, or makes something else of it", () => {
    const { refused } = expectNeverWrong(messages, isUsual, schema);
    expect(refused).toBeGreaterThan(500);
  });
});

describe("the quick check", () => {
  const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

  it.each([
    [v.strictObject({ a: v.optional(whole, 1) }), {}, false],
    [v.strictObject({ a: v.optional(whole, 1) }), { a: 2 }, true],
    [v.object({ a: whole }), { a: 2 }, false],
    [v.pipe(v.string(), v.transform(Number)), "1", false],
    [v.pipe(v.number(), v.finite()), Number.POSITIVE_INFINITY, false],
    [v.number(), Number.NaN, false],
    [whole, 2 ** 53, false],
    [v.pipe(v.string(), v.maxBytes(3)), "äö", false],
    [v.pipe(v.string(), v.maxBytes(3)), "a", true],
    [v.record(v.string(), v.string()), { constructor: "x" }, false],
    [v.record(v.string(), v.string()), new Date(0), false],
    [v.union([v.string(), v.number()]), 1, true],
    [v.pipe(v.array(v.string()), v.minLength(1)), [], false],
  ] as const)("%# says yes only to what would be returned unchanged", (schema, value, isUsual) => {
    expect(quickCheck<unknown>(schema)(value)).toBe(isUsual);
  });
});
