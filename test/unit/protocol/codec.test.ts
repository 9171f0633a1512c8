import { createHash } from "node:crypto";
import fc from "fast-check";
import { Packr } from "msgpackr";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { clientRequestSchema } from "../../../protocol/clientLink.ts";
import { ACTOR_FORM, ACTOR_SHAPES } from "../../../protocol/actorForm.ts";
import { byType } from "../../../protocol/byType.ts";
import { decodeFrame, encodeFrame, MAPS } from "../../../protocol/codec.ts";
import { commandSchema, factSchema } from "../../../protocol/executorLink.ts";
import { jobSeq, seatNumber, taskIndex } from "../../../protocol/ids.ts";
import { FRAME_BYTES_MAX, FRAME_MESSAGES_MAX } from "../../../protocol/limits.ts";
import { shapeCheck, shapesOf } from "../../../protocol/shapes.ts";
import { PROTOCOL_VERSION } from "../../../protocol/version.ts";
import { managerCommandSchema, workerFactSchema } from "../../../protocol/workerLink.ts";

const HEADER = Buffer.from([...Buffer.from("QREW"), PROTOCOL_VERSION]);
const framed = (...body: readonly (number | Uint8Array)[]): Buffer =>
  Buffer.concat([HEADER, ...body.map((part) => (typeof part === "number" ? Buffer.of(part) : part))]);
const packr = new Packr({ useRecords: false });
const packed = (body: unknown): Buffer => framed(packr.pack(body));

const SCHEMAS: readonly v.GenericSchema<unknown, unknown>[] = [
  commandSchema,
  factSchema,
  managerCommandSchema,
  workerFactSchema,
  clientRequestSchema,
];

const anything = v.unknown();
const welcome = { type: "welcome", greeting: 1, seat: seatNumber(1), node: "n", instance: "i" };

const faultOf = (
  bytes: Uint8Array,
  schema: v.GenericSchema<unknown, unknown> = commandSchema,
  form = MAPS,
): string => {
  const decoded = decodeFrame(bytes, schema, form);
  return decoded.ok ? "none" : decoded.fault;
};

describe("a frame", () => {
  it.each([
    ["maps", MAPS],
    ["records", ACTOR_FORM],
  ])("comes back as it was sent, with objects as %s", (_, form) => {
    const id = { job: jobSeq(0xffff_ffff), task: taskIndex(7), attempt: 1 };
    const messages = [
      welcome,
      { type: "acknowledgeAttempts", attempts: [id, id] },
      { type: "setCap", job: jobSeq(1), serial: Number.MAX_SAFE_INTEGER, cpusMilli: 0 },
      { type: "openJob", context: { job: jobSeq(1), env: { "Ä ö": "ü\0\n" }, directory: "/", umask: 18 } },
    ];
    const decoded = decodeFrame(encodeFrame(42, messages, form), commandSchema, form);
    expect(decoded).toEqual({ ok: true, epoch: 42, messages });
  });

  it("comes back whatever the names are, and however many, one frame after the other", () => {
    const names = fc.string({ unit: "binary", maxLength: 8 }).filter((name) => name !== "__proto__");
    const envs = fc.array(fc.dictionary(names, fc.string(), { noNullPrototype: true }), { maxLength: 80 });
    fc.assert(
      fc.property(envs, (envs) => {
        const messages = envs.map((env) => {
          const context = { job: jobSeq(1), env, directory: "/", umask: 18 };
          return { type: "openJob", context };
        });
        for (const form of [ACTOR_FORM, MAPS, ACTOR_FORM]) {
          const decoded = decodeFrame(encodeFrame(1, messages, form), commandSchema, form);
          expect(decoded).toEqual({ ok: true, epoch: 1, messages });
        }
      }),
    );
  });

  it("carries bytes byte for byte", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), fc.nat(), (bytes, index) => {
        const message = { type: "appendSubmission", request: 1, submission: 2, index, bytes };
        const decoded = decodeFrame(encodeFrame(0, [message]), clientRequestSchema);
        const first = decoded.ok ? decoded.messages[0] : null;
        expect(first?.type === "appendSubmission" && Buffer.from(first.bytes).equals(bytes)).toBe(true);
      }),
    );
  });

  it("may be empty of messages", () => {
    expect(decodeFrame(encodeFrame(3, []), commandSchema)).toEqual({ ok: true, epoch: 3, messages: [] });
  });
});

describe("records", () => {
  const attempt = { job: jobSeq(1), task: taskIndex(2), attempt: 3 };

  it("carry no names, whatever is said of an attempt", () => {
    const moments = { startedAtMs: 1.5, startedMonoMs: 2.5 };
    const usage = { userSeconds: 0.1, systemSeconds: 0.2, maxRssBytes: 4096 };
    const ended = {
      ...attempt,
      outcome: { type: "exited", exitCode: 0 },
      ...moments,
      endedAtMs: 3.5,
      endedMonoMs: 4.5,
      usage,
      stdout: { type: "inline", bytes: Buffer.from("output"), cutBytes: 0 },
      stderr: null,
    };
    const frames = [
      encodeFrame(
        1,
        [{ type: "attemptsStarted", attempts: [{ ...attempt, ...moments, pid: 7 }] }],
        ACTOR_FORM,
      ),
      encodeFrame(1, [{ type: "attemptsEnded", attempts: [ended] }], ACTOR_FORM),
    ];
    for (const frame of frames) {
      expect(frame.toString("latin1")).not.toMatch(/task|AtMs|pid|outcome|userSeconds|cutBytes/);
      expect(faultOf(frame, factSchema, ACTOR_FORM)).toBe("none");
    }
  });

  it("are of the known shapes only: environments are maps, of whose names nobody keeps a list", () => {
    const context = { job: jobSeq(1), env: { HOME: "/root", LANG: "C" }, directory: "/", umask: 18 };
    const frame = encodeFrame(1, [{ type: "openJob", context }], ACTOR_FORM);
    for (const definition of [0xd4, 0xd5]) expect(frame.includes(Buffer.of(definition, 0x72))).toBe(false);
    expect(frame.includes("HOME")).toBe(true);
  });

  it("are read by those only that have the same shapes", () => {
    const frame = encodeFrame(1, [{ type: "acknowledgeAttempts", attempts: [attempt] }], ACTOR_FORM);
    expect(faultOf(frame, commandSchema, ACTOR_FORM)).toBe("none");
    expect(faultOf(frame)).toBe("malformed");
  });

  it("have the numbers that belong to this version of the protocol", () => {
    const digest = createHash("sha256").update(JSON.stringify(ACTOR_SHAPES)).digest("hex").slice(0, 16);
    // Where it has to change: raise PROTOCOL_VERSION, since those of before would read other fields.
    expect([PROTOCOL_VERSION, digest]).toEqual([2, "c9ecc94c790d87ea"]);
  });

  it("of a number that nobody has given are refused", () => {
    const unknown = ACTOR_SHAPES.length;
    const [low, high] = [0x60 + ((unknown - 32) % 32), (unknown - 32) >> 5];
    expect(faultOf(framed(0x92, 1, 0x91, low, high), commandSchema, ACTOR_FORM)).toBe("malformed");
    expect(faultOf(framed(0x92, 1, 0x91, 0x7f, 0xff), commandSchema, ACTOR_FORM)).toBe("malformed");
    const alone = decodeFrame(framed(0x92, 1, 0x91, 0x7f), commandSchema, ACTOR_FORM);
    expect(alone.ok ? "" : alone.detail).toContain("no known shape");
    // Each of them in a time of its own: a million would take days.
    const many = framed(0x92, 1, 0xdd, 0x00, 0x10, 0x00, 0x00, Buffer.alloc(1024 * 1024, 0x7f));
    expect(faultOf(many, commandSchema, ACTOR_FORM)).toBe("malformed");
    expect(faultOf(encodeFrame(1, [welcome], ACTOR_FORM), commandSchema, ACTOR_FORM)).toBe("none");
  });

  it("that a frame defines for itself change nothing for the next one", () => {
    const sound = encodeFrame(1, [{ type: "acknowledgeAttempts", attempts: [attempt] }], ACTOR_FORM);
    for (let number = 0x40; number < 0x60; number += 1) {
      const defining = framed(0x92, 1, 0x91, 0xd4, 0x72, number, 0x91, 0xa1, 0x61, 1);
      expect(faultOf(defining, commandSchema, ACTOR_FORM)).toBe("malformed");
      expect(decodeFrame(sound, commandSchema, ACTOR_FORM)).toEqual(
        decodeFrame(encodeFrame(1, [{ type: "acknowledgeAttempts", attempts: [attempt] }]), commandSchema),
      );
    }
  });
});

describe("shapes", () => {
  it("are of each object that a schema describes, once, the outer one first", () => {
    const inner = v.strictObject({ b: v.number(), a: v.nullable(v.strictObject({ c: v.number() })) });
    const message = byType([
      v.strictObject({ type: v.literal("one"), list: v.array(inner), more: v.optional(inner) }),
      v.strictObject({ type: v.literal("two"), either: v.union([v.string(), inner]) }),
    ]);
    expect(shapesOf(message, v.pipe(v.array(v.strictObject({ c: v.string() })), v.minLength(1)))).toEqual([
      ["type", "list", "more"],
      ["b", "a"],
      ["c"],
      ["type", "either"],
    ]);
  });

  it("are had by objects with these names in this order, and by no others", () => {
    const check = shapeCheck([["a", "b"], ["a"], ["c", "d"]]);
    expect([{ a: 1, b: 2 }, { a: 1 }, { c: 1, d: 2 }].map(check)).toEqual([true, true, true]);
    const others: readonly object[] = [{}, { b: 2, a: 1 }, { a: 1, b: 2, c: 3 }, { c: 1 }, { PATH: "/bin" }];
    expect(others.map(check)).toEqual(others.map(() => false));
  });
});

describe("what is no frame", () => {
  it.each<[string, Uint8Array, string]>([
    ["nothing", Buffer.alloc(0), "notQrew"],
    ["the magic alone", Buffer.from("QREW"), "notQrew"],
    ["somebody else's magic", Buffer.from("WERQ\x01\x92\x00\x90"), "notQrew"],
    ["a header without body", HEADER, "malformed"],
    ["a body that is a number", framed(5), "malformed"],
    ["a body that is a map", packed({ epoch: 1, messages: [] }), "malformed"],
    ["an array of one", packed([1]), "malformed"],
    ["an array of three", packed([1, [], []]), "malformed"],
    ["an epoch that is text", packed(["1", []]), "malformed"],
    ["an epoch with a fraction", packed([1.5, []]), "malformed"],
    ["an epoch beyond safe integers", packed([2 ** 60, []]), "malformed"],
    ["messages that are no list", packed([1, { length: 0 }]), "malformed"],
    ["a message that is null", packed([1, [null]]), "malformed"],
    ["an unknown message", packed([1, [{ type: "hackJob" }]]), "malformed"],
    ["a field too many", packed([1, [{ ...welcome, extra: 1 }]]), "malformed"],
    ["a field too few", packed([1, [{ type: "welcome", greeting: 1, seat: 1, node: "n" }]]), "malformed"],
    ["one bad message behind a good one", packed([1, [welcome, { type: "welcome" }]]), "malformed"],
    ["bytes behind the body", framed(packr.pack([1, []]), 0xc0), "malformed"],
    ["a date where a list is expected", framed(0x92, 1, 0xd6, 0xff, Buffer.alloc(4)), "malformed"],
    ["a record definition", framed(0x92, 1, 0x91, 0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 1), "malformed"],
    ["a pattern that is none", framed(0x92, 1, 0xc7, 3, 0x78, 0xa1, 0x28, 0xa0), "malformed"],
  ])("%s is refused", (_, bytes, fault) => {
    expect(faultOf(bytes)).toBe(fault);
  });

  it("of another version is refused with its number, whatever follows", () => {
    for (const version of [0, PROTOCOL_VERSION + 1, 255]) {
      const bytes = Buffer.concat([Buffer.from("QREW"), Buffer.of(version), Buffer.from("whatever")]);
      expect(decodeFrame(bytes, commandSchema)).toMatchObject({ ok: false, fault: "otherVersion", version });
    }
  });

  it("beyond the size or the number of messages is refused", () => {
    expect(faultOf(Buffer.alloc(FRAME_BYTES_MAX + 1))).toBe("tooLarge");
    const many = Array.from({ length: FRAME_MESSAGES_MAX + 1 }, () => 0);
    expect(faultOf(packed([1, many]), anything)).toBe("tooLarge");
    expect(faultOf(packed([1, many.slice(1)]), anything)).toBe("none");
  });

  it("with keys that every object has changes no prototype", () => {
    const map = (name: string) => packr.pack(new Map<string, unknown>([[name, { polluted: "yes" }]]));
    for (const name of ["__proto__", "constructor", "prototype"]) {
      decodeFrame(framed(0x92, 1, 0x91, map(name)), anything);
      expect("polluted" in {}).toBe(false);
      expect(faultOf(framed(0x92, 1, 0x91, map(name)))).toBe("malformed");
    }
  });

  it("names the field that is wrong", () => {
    const decoded = decodeFrame(packed([1, [{ ...welcome, seat: -1 }]]), commandSchema);
    expect(decoded.ok ? "" : decoded.detail).toContain("seat");
  });
});

describe("declared lengths", () => {
  /** Peak memory of this process while `body` runs, beyond what it was before. */
  function peakBytes(body: () => void): number {
    const before = process.resourceUsage().maxRSS;
    body();
    return (process.resourceUsage().maxRSS - before) * 1024;
  }

  const u32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const lengths = [0xffff_ffff, 0x7fff_ffff, 30_000_000, 1_000_000];
  const types = { array: 0xdd, map: 0xdf, text: 0xdb, bytes: 0xc6, extension: 0xc9 };

  it.each(Object.entries(types))("of a giant %s take no memory", (_, type) => {
    const peak = peakBytes(() => {
      for (const length of lengths) {
        expect(faultOf(framed(type, u32(length), Buffer.alloc(64)))).toBe("malformed");
        expect(faultOf(framed(0x92, 1, 0x91, type, u32(length), Buffer.alloc(64)))).toBe("malformed");
      }
    });
    expect(peak).toBeLessThan(64 * 1024 * 1024);
  });

  it("of arrays in arrays take no more than a few bytes for each byte of the frame", () => {
    const level = Buffer.concat([Buffer.of(0xdc), Buffer.of(0xff, 0xff)]);
    const nested = Buffer.concat(Array.from({ length: 2000 }, () => level));
    const peak = peakBytes(() => {
      expect(faultOf(framed(nested, Buffer.alloc(1024 * 1024, 0xc0)))).toBe("malformed");
      const large = Buffer.concat(
        Array.from({ length: 200 }, () => Buffer.concat([Buffer.of(0xdd), u32(900_000)])),
      );
      expect(faultOf(framed(large, Buffer.alloc(1024 * 1024, 0xc0)))).toBe("malformed");
    });
    expect(peak).toBeLessThan(128 * 1024 * 1024);
  });

  it("of a nesting deeper than any stack are refused, and the next frame is read as ever", () => {
    expect(faultOf(framed(Buffer.alloc(4 * 1024 * 1024, 0x91)))).toBe("malformed");
    expect(faultOf(framed(Buffer.alloc(4 * 1024 * 1024, 0x81)))).toBe("malformed");
    expect(faultOf(encodeFrame(1, [welcome]))).toBe("none");
  });
});

describe("whatever bytes come", () => {
  const said = [
    [welcome, { type: "reportStatus" }],
    [
      { type: "closeJob", job: jobSeq(3), graceMs: 5000 },
      { type: "openJob", context: { job: jobSeq(1), env: { A: "b" }, directory: "/d", umask: 0 } },
    ],
  ];
  const samples = [MAPS, ACTOR_FORM].flatMap((form) =>
    said.map((messages, epoch) => encodeFrame(epoch, messages, form)),
  );
  const check = (bytes: Uint8Array): void => {
    for (const schema of SCHEMAS) {
      for (const form of [MAPS, ACTOR_FORM]) {
        const decoded = decodeFrame(bytes, schema, form);
        if (!decoded.ok) expect(decoded.detail.length).toBeGreaterThan(0);
      }
    }
  };

  it("nothing is thrown: garbage behind a header", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (body) => {
        check(framed(body));
        check(framed(0x92, 1, 0x91, body));
      }),
      { numRuns: 2000 },
    );
  });

  it("nothing is thrown: a frame cut anywhere, and it is never taken for whole", () => {
    for (const sample of samples) {
      for (let length = 0; length < sample.length; length++) {
        check(sample.subarray(0, length));
        for (const form of [MAPS, ACTOR_FORM])
          expect(faultOf(sample.subarray(0, length), commandSchema, form)).not.toBe("none");
      }
    }
  });

  it("nothing is thrown: a frame with bytes changed", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...samples), changes, (sample, places) => {
        const bytes = Buffer.from(sample);
        for (const [at, value] of places) bytes[at % bytes.length] = value;
        check(bytes);
      }),
      { numRuns: 3000 },
    );
  });

  it("any value in place of a message is taken or refused, and what is taken is of a known type", () => {
    const value = fc.anything({ withBigInt: false, withMap: false, withSet: false, withDate: true });
    fc.assert(
      fc.property(fc.array(value, { maxLength: 4 }), (messages) => {
        const decoded = decodeFrame(packed([1, messages]), commandSchema);
        const taken = decoded.ok ? decoded.messages : [];
        for (const { type } of taken) expect(typeof type).toBe("string");
      }),
      { numRuns: 500 },
    );
  });
});
