import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeKey, keyPart, keysUnder, u32Key, u32KeyWithByte, wordKey } from "../../../src/store/keys.ts";

const u32 = fc.nat({ max: 0xffff_ffff });

describe("keys", () => {
  it("keep the order of numbers", () => {
    const parts = fc.tuple(u32, u32);
    fc.assert(
      fc.property(parts, parts, (left, right) => {
        const numeric = Math.sign(left[0] - right[0]) || Math.sign(left[1] - right[1]);
        expect(Buffer.compare(u32Key(...left), u32Key(...right))).toBe(numeric);
      }),
    );
  });

  it("give back their parts", () => {
    fc.assert(
      fc.property(fc.array(u32, { minLength: 1, maxLength: 4 }), (parts) => {
        const key = u32Key(...parts);
        expect(parts.map((_, index) => keyPart("t", key, index))).toEqual(parts);
      }),
    );
  });

  it("refuse what is no u32, and say which key is too short", () => {
    for (const wrong of [-1, 0.5, 2 ** 32, Number.NaN]) expect(() => u32Key(wrong)).toThrow(/part of a key/);
    expect(() => keyPart("jobs", u32Key(7), 1)).toThrow(/jobs.*\(7\)/);
  });

  it("of a range are exactly those that begin with the parts", () => {
    const small = fc.oneof(u32, fc.constantFrom(0, 1, 0xffff_fffe, 0xffff_ffff));
    fc.assert(
      fc.property(
        fc.array(small, { minLength: 1, maxLength: 2 }),
        fc.array(small, { minLength: 1, maxLength: 3 }),
        fc.nat({ max: 255 }),
        (prefix, parts, last) => {
          for (const key of [u32Key(...parts), u32KeyWithByte(parts, last), u32Key(...prefix, ...parts)]) {
            const { from, to } = keysUnder(...prefix);
            const within =
              Buffer.compare(key, from ?? new Uint8Array(0)) >= 0 &&
              (to === undefined || Buffer.compare(key, to) < 0);
            const begins = Buffer.from(key)
              .subarray(0, prefix.length * 4)
              .equals(u32Key(...prefix));
            expect(within).toBe(begins);
          }
        },
      ),
    );
  });

  it.each([
    [u32Key(12, 7, 1), "12/7/1"],
    [u32KeyWithByte([12, 7, 1], 2), "12/7/1/2"],
    [wordKey("schema"), "schema"],
    [new Uint8Array([1, 2]), "1/2"],
  ])("are shown to people", (key, shown) => {
    expect(describeKey(key)).toBe(shown);
  });
});
