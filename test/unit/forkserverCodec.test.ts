import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameCutter } from "../../protocol/forkserverBytes.ts";
import { decodeCommand, encodeCommands } from "../../protocol/forkserverCommandCodec.ts";
import { decodeFact, encodeFacts } from "../../protocol/forkserverFactCodec.ts";
import { type ForkserverCommand, type ForkserverFact, START_STEPS } from "../../protocol/forkserverLink.ts";
import { jobSeq, taskIndex } from "../../protocol/ids.ts";
import { FORKSERVER_FRAME_BYTES_MAX } from "../../protocol/limits.ts";

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const text = fc.string({ unit: "grapheme", maxLength: 40 }).filter((value) => !value.includes("\0"));
const job = u32.map(jobSeq);
const key = fc.record({ job, task: u32.map(taskIndex), attempt: u32 });
const texts = fc.array(text, { maxLength: 5 });
const is = <const Type extends string>(type: Type) => fc.constant(type);

const command: fc.Arbitrary<ForkserverCommand> = fc.oneof(
  fc.record({ type: is("hello"), version: u32, control: fc.boolean() }),
  fc.record({ type: is("context"), job, directory: text, umask: u32, env: texts }),
  fc.record({
    type: is("spawn"),
    key,
    cpusMilli: u32,
    pool: job,
    argv: fc.array(text, { minLength: 1, maxLength: 5 }),
    env: texts,
    workdir: text,
    stdin: fc.option(text),
    stdoutPath: text,
    stderrPath: text,
    mark: text,
    after: fc.option(fc.record({ task: u32.map(taskIndex), attempt: u32 })),
  }),
  fc.record({ type: is("setCap"), job, serial: u32, cpusMilli: u32 }),
  fc.record({ type: is("stop"), key, graceMs: u32 }),
  fc.record({ type: is("acknowledge"), key }),
  fc.record({ type: is("closeJob"), job, graceMs: u32, mark: text }),
  fc.record({ type: is("report") }),
  fc.record({ type: is("leave") }),
);

/** Nanoseconds travel; in steps of a quarter millisecond a double in milliseconds is exact. */
const ms = fc.integer({ min: 0, max: 2 ** 42 }).map((quarters) => quarters / 4);
const time = fc.record({ monoMs: ms, wallMs: ms });
const u53 = fc.maxSafeNat();
const stream = fc.oneof(
  fc.record({ type: is("inline"), bytes: fc.uint8Array({ maxLength: 100 }) }),
  fc.record({ type: is("file"), path: text }),
);
const fact: fc.Arbitrary<ForkserverFact> = fc.oneof(
  fc.record({
    type: is("welcome"),
    version: u32,
    pid: u32,
    flavour: fc.constantFrom("c" as const, "typescript" as const),
  }),
  fc.record({ type: is("started"), key, pid: u32, start: time }),
  fc.record({
    type: is("ended"),
    key,
    outcome: fc.oneof(
      fc.record({ type: is("exited"), exitCode: u32 }),
      fc.record({ type: is("signalled"), signal: u32 }),
      fc.record({ type: is("notStarted"), errno: u32, step: fc.constantFrom(...START_STEPS) }),
      fc.record({ type: is("withdrawn") }),
      fc.record({ type: is("stopped"), exitCode: u32 }),
    ),
    survivors: u32,
    start: fc.option(time),
    end: time,
    usage: fc.option(fc.record({ userMicros: u53, systemMicros: u53, maxRssBytes: u53 })),
    stdout: stream,
    stderr: stream,
  }),
  fc.record({ type: is("queued"), key }),
  fc.record({ type: is("listed") }),
  fc.record({ type: is("capSet"), job, serial: u32, runningCpusMilli: u32 }),
  fc.record({ type: is("jobClosed"), job, ended: u32, survivors: u32 }),
  fc.record({
    type: is("report"),
    runningAttempts: u32,
    runningCpusMilli: u32,
    queuedAttempts: u32,
    heldAttempts: u32,
  }),
  fc.record({ type: is("refused"), reason: text }),
);

/** Cuts the bytes at these places and feeds them to a cutter one after another. */
function cutAt(bytes: Buffer, places: readonly number[]): { frames: Buffer[]; fault: string | null } {
  const cutter = new FrameCutter();
  const borders = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  const frames: Buffer[] = [];
  let from = 0;
  for (const to of borders) {
    const cut = cutter.push(bytes.subarray(from, to));
    frames.push(...cut.frames);
    if (cut.fault !== null) return { frames, fault: cut.fault };
    from = to;
  }
  return { frames, fault: null };
}

describe("forkserver codec", () => {
  it("carries every command, however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (commands, places) => {
          const { bytes, rejected } = encodeCommands(commands);
          const { frames, fault } = cutAt(bytes, places);
          expect([rejected, fault]).toEqual([[], null]);
          expect(frames.map(decodeCommand)).toEqual(commands.map((value) => ({ ok: true, value })));
        },
      ),
    );
  });

  it("carries every fact, however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(fact, { maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (facts, places) => {
          const { frames } = cutAt(encodeFacts(facts).bytes, places);
          expect(frames.map(decodeFact)).toEqual(facts.map((value) => ({ ok: true, value })));
        },
      ),
    );
  });

  it("rejects garbage and never throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
        const bytes = Buffer.from(garbage);
        for (const decode of [decodeCommand, decodeFact]) expect(typeof decode(bytes).ok).toBe("boolean");
        cutAt(bytes, [3, 7]);
      }),
    );
  });

  it("rejects every truncation and every extension of a frame", () => {
    fc.assert(
      fc.property(command, fact, (someCommand, someFact) => {
        const [ofCommand] = cutAt(encodeCommands([someCommand]).bytes, []).frames;
        const [ofFact] = cutAt(encodeFacts([someFact]).bytes, []).frames;
        for (const [frame, decode] of [
          [ofCommand, decodeCommand],
          [ofFact, decodeFact],
        ] as const) {
          if (frame === undefined) throw new Error("no frame");
          for (let length = 0; length < frame.length; length++)
            expect(decode(frame.subarray(0, length)).ok).toBe(false);
          expect(decode(Buffer.concat([frame, Buffer.of(0)])).ok).toBe(false);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("leaves out what cannot be said, and says the rest", () => {
    const stop = (graceMs: number): ForkserverCommand => ({
      type: "stop",
      key: { job: jobSeq(1), task: taskIndex(2), attempt: 3 },
      graceMs,
    });
    const context = (directory: string): ForkserverCommand => ({
      type: "context",
      job: jobSeq(1),
      directory,
      umask: 0,
      env: [],
    });
    const long = "x".repeat(FORKSERVER_FRAME_BYTES_MAX);
    const bad = [context("a\0b"), stop(-1), stop(2 ** 32), stop(0.5), context(long), context(`${long}x`)];
    const { bytes, rejected } = encodeCommands([stop(1), ...bad, stop(2)]);
    expect(rejected.map(({ value }) => value)).toEqual(bad);
    expect(cutAt(bytes, []).frames.map(decodeCommand)).toEqual(
      [stop(1), stop(2)].map((value) => ({ ok: true, value })),
    );
  });

  it("cuts no frame that is empty or too large, and gives those before it", () => {
    const before = encodeCommands([{ type: "report" }]).bytes;
    for (const length of [0, FORKSERVER_FRAME_BYTES_MAX + 1, 0xffff_ffff]) {
      const header = Buffer.alloc(4);
      header.writeUInt32LE(length);
      const { frames, fault } = new FrameCutter().push(Buffer.concat([before, header]));
      expect(frames).toHaveLength(1);
      expect(fault).toContain(String(length));
    }
  });
});
