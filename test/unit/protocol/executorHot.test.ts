/** What is checked by hand is checked as strictly as by the schemas. */
import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { isHotCommand, isHotFact } from "../../../protocol/executorHot.ts";
import { commandSchema, factSchema } from "../../../protocol/executorLink.ts";
import { expectNeverWrong, overWire } from "./mangle.ts";

const u32 = fc.nat(0xffff_ffff);
const time = fc.double({ noNaN: true, noDefaultInfinity: true });
const id = { job: u32, task: u32, attempt: fc.integer({ min: 1, max: 0xffff_ffff }) };
const text = fc.string({ maxLength: 20 });
const orNull = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: null });
const inline = fc.record({
  type: fc.constant("inline"),
  bytes: fc.uint8Array({ maxLength: 8 }),
  cutBytes: fc.maxSafeNat(),
});

const attempt = fc.record({
  kind: fc.constant("shell"),
  ...id,
  name: text,
  cpusMilli: fc.maxSafeNat(),
  isPooled: fc.boolean(),
  command: fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 3 })),
  env: fc.dictionary(fc.stringMatching(/^[A-Z_]{1,9}$/), text, { maxKeys: 3 }),
  stdin: orNull(text),
  workdir: orNull(text),
  files: fc.constant(null),
  after: orNull(fc.record({ task: id.task, attempt: id.attempt })),
});
const started = fc.record({ ...id, startedAtMs: time, startedMonoMs: time, pid: orNull(fc.nat()) });
const ended = fc.record({
  ...id,
  outcome: fc.record({ type: fc.constant("exited"), exitCode: fc.nat(255) }),
  startedAtMs: orNull(time),
  startedMonoMs: orNull(time),
  endedAtMs: time,
  endedMonoMs: time,
  usage: orNull(fc.record({ userSeconds: time, systemSeconds: time, maxRssBytes: fc.maxSafeNat() })),
  stdout: orNull(inline),
  stderr: orNull(inline),
});
const message = (type: string, attempts: fc.Arbitrary<unknown>) =>
  fc.record({ type: fc.constant(type), attempts: fc.array(attempts, { maxLength: 3 }) });
const commands = fc.oneof(message("runAttempts", attempt), message("acknowledgeAttempts", fc.record(id)));
const facts = fc.oneof(message("attemptsStarted", started), message("attemptsEnded", ended));

describe.each([
  ["command", commands, isHotCommand, commandSchema],
  ["fact", facts, isHotFact, factSchema],
] as const)("a %s of every attempt", (_, messages, isHot, schema) => {
  it("is recognised, and the schema makes the same of it", () => {
    fc.assert(
      fc.property(messages, (sent) => {
        const item = overWire(sent);
        expect(isHot(item)).toBe(true);
        expect(v.parse(schema, item)).toEqual(item);
      }),
    );
  });

  it("is never recognised where the schema refuses it, or makes something else of it", () => {
    const { recognised, refused } = expectNeverWrong(messages, isHot, schema);
    expect(recognised).toBeGreaterThan(50);
    expect(refused).toBeGreaterThan(500);
  });
});
