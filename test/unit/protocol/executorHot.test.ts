/** What is checked by hand is checked as strictly as by the schemas. */
import fc from "fast-check";
import { Packr } from "msgpackr";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { isHotCommand, isHotFact } from "../../../protocol/executorHot.ts";
import { commandSchema, factSchema } from "../../../protocol/executorLink.ts";

const packr = new Packr({ useRecords: false });

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

/** What stands in the place of something: what a check may forget. */
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    -1,
    0,
    -0,
    0.5,
    2 ** 32,
    2 ** 53,
    1e300,
    "",
    [],
    {},
    [""],
    true,
    new Date(0),
  ),
  fc.constantFrom<unknown>(Number.NaN, Number.POSITIVE_INFINITY, { constructor: "x" }, { prototype: "y" }),
  fc.constantFrom<unknown>({ toString: 1 }, { hasOwnProperty: "z" }, { A: 1 }, "x".repeat(1024 * 1024 + 1)),
  fc.anything({ withBigInt: false, withMap: false, withSet: false, maxDepth: 1 }),
);

type Change = {
  readonly steps: readonly number[];
  readonly kind: "replace" | "remove" | "add";
  odd: unknown;
};
const change: fc.Arbitrary<Change> = fc.record({
  steps: fc.array(fc.nat(20), { minLength: 1, maxLength: 5 }),
  kind: fc.constantFrom("replace", "remove", "add"),
  odd,
});

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !(value instanceof Uint8Array);

/** At the place to which the steps lead, as far as there is one. */
function changed(root: Record<string, unknown>, { steps, kind, odd: shared }: Change): void {
  const value: unknown = structuredClone(shared);
  let at = root;
  for (const [index, step] of steps.entries()) {
    const names = Object.keys(at);
    const name = names[step % Math.max(1, names.length)];
    const next = name === undefined ? null : at[name];
    if (index < steps.length - 1 && isObject(next)) {
      at = next;
      continue;
    }
    if (kind === "add") at["extra"] = value;
    else if (name !== undefined && kind === "replace") at[name] = value;
    else if (name !== undefined) delete at[name];
    return;
  }
}

const overWire = (value: unknown): unknown => packr.unpack(packr.pack(value));

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
    let recognised = 0;
    let refused = 0;
    fc.assert(
      fc.property(messages, fc.array(change, { minLength: 1, maxLength: 2 }), (sent, changes) => {
        const broken = structuredClone(sent);
        for (const each of changes) changed(broken, each);
        const item = overWire(broken);
        const parsed = v.safeParse(schema, item);
        if (!parsed.success) refused += 1;
        if (!isHot(item)) return;
        recognised += 1;
        expect(parsed.success).toBe(true);
        expect(parsed.output).toEqual(item);
      }),
      { numRuns: 2000 },
    );
    expect(recognised).toBeGreaterThan(50);
    expect(refused).toBeGreaterThan(500);
  });
});
