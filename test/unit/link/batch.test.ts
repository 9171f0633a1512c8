import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { decodeFrame } from "../../../protocol/codec.ts";
import { BATCH_BYTES_TARGET, FRAME_MESSAGES_MAX } from "../../../protocol/limits.ts";
import { framesOf } from "../../../src/link/batch.ts";

const schema = v.strictObject({ n: v.number(), text: v.string() });

function decoded(frames: readonly Buffer[]): { epoch: number; messages: readonly { n: number }[] }[] {
  return frames.map((frame) => {
    const result = decodeFrame(frame, schema);
    if (!result.ok) throw new Error(result.detail);
    return result;
  });
}

describe("frames of a batch", () => {
  it("are none for no message, and one for a few", () => {
    expect([...framesOf(1, [])]).toEqual([]);
    expect([...framesOf(1, [{ n: 1, text: "" }])]).toHaveLength(1);
  });

  it("have all messages in their order, and stay below the target unless one message alone is larger", () => {
    const sizes = fc.array(fc.oneof(fc.nat(1000), fc.integer({ min: 100_000, max: 1_500_000 })), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(sizes, fc.nat(), (lengths, epoch) => {
        const messages = lengths.map((length, n) => ({ n, text: "x".repeat(length) }));
        const frames = [...framesOf(epoch, messages)];
        const parts = decoded(frames);
        expect(parts.flatMap((part) => part.messages.map(({ n }) => n))).toEqual(messages.map(({ n }) => n));
        for (const [index, frame] of frames.entries()) {
          const part = parts[index];
          expect(part?.epoch).toBe(epoch);
          expect(frame.length <= BATCH_BYTES_TARGET || part?.messages.length === 1).toBe(true);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("have no more messages than a receiver takes", () => {
    const messages = Array.from({ length: 2 * FRAME_MESSAGES_MAX + 1 }, (_, n) => ({ n, text: "" }));
    const parts = decoded([...framesOf(0, messages)]);
    expect(parts.reduce((sum, part) => sum + part.messages.length, 0)).toBe(messages.length);
    for (const part of parts) expect(part.messages.length).toBeLessThanOrEqual(FRAME_MESSAGES_MAX);
  });
});
