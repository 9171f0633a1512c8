import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Resources } from "../../../protocol/resources.ts";
import {
  addResources,
  dominantShare,
  equalResources,
  fits,
  formatBytes,
  formatResources,
  isNoResources,
  maxResources,
  minResources,
  NO_RESOURCES,
  namedAmount,
  scaleResources,
  subtractResources,
} from "../../../src/node/resources.ts";

const vector = (over: Partial<Resources> = {}): Resources => ({ ...NO_RESOURCES, ...over });

const amount = fc.nat({ max: 1_000_000 });
const arbitrary: fc.Arbitrary<Resources> = fc.record({
  cpusMilli: amount,
  memoryBytes: fc.nat({ max: 2 ** 40 }),
  gpusMilli: amount,
  named: fc.dictionary(fc.constantFrom("a", "b", "constructor", "toString"), amount, { maxKeys: 3 }),
});

describe("resource vectors", () => {
  it("add and subtract back", () => {
    fc.assert(
      fc.property(arbitrary, arbitrary, (left, right) => {
        const sum = addResources(left, right);
        expect(equalResources(subtractResources(sum, right), left)).toBe(true);
        expect(fits(left, sum)).toBe(true);
        expect(equalResources(sum, addResources(right, left))).toBe(true);
      }),
    );
  });

  it("have a largest common and a smallest covering vector", () => {
    fc.assert(
      fc.property(arbitrary, arbitrary, (left, right) => {
        const [least, most] = [minResources(left, right), maxResources(left, right)];
        expect(fits(least, left) && fits(least, right)).toBe(true);
        expect(fits(left, most) && fits(right, most)).toBe(true);
        expect(equalResources(addResources(least, most), addResources(left, right))).toBe(true);
        expect(fits(left, right)).toBe(equalResources(most, right));
      }),
    );
  });

  it("scale as repeated addition", () => {
    fc.assert(
      fc.property(arbitrary, fc.nat({ max: 5 }), (resources, factor) => {
        let sum = NO_RESOURCES;
        for (let count = 0; count < factor; count += 1) sum = addResources(sum, resources);
        expect(equalResources(scaleResources(resources, factor), sum)).toBe(true);
      }),
    );
    expect(scaleResources(vector({ cpusMilli: 3 }), 0.5).cpusMilli).toBe(1);
  });

  it("stay exact integers, also far out", () => {
    const large = vector({ memoryBytes: 2 ** 52 });
    expect(scaleResources(large, 1e6).memoryBytes).toBe(Number.MAX_SAFE_INTEGER);
    expect(addResources(scaleResources(large, 3), large).memoryBytes).toBe(Number.MAX_SAFE_INTEGER);
  });

  it("do not become negative", () => {
    expect(() => subtractResources(NO_RESOURCES, vector({ cpusMilli: 1 }))).toThrow(/negative/);
    expect(() => subtractResources(NO_RESOURCES, vector({ named: { a: 1 } }))).toThrow(/negative/);
    expect(() => scaleResources(NO_RESOURCES, -1)).toThrow(/negative/);
  });

  it("count what is not named as 0, and leave 0 out of results", () => {
    const held = vector({ named: { licence: 1000 } });
    expect(fits(held, NO_RESOURCES)).toBe(false);
    expect(subtractResources(held, held).named).toEqual({});
    expect(isNoResources(vector({ named: { licence: 0 } }))).toBe(true);
    expect(namedAmount(NO_RESOURCES, "constructor")).toBe(0);
    expect(fits(vector({ named: { toString: 1 } }), NO_RESOURCES)).toBe(false);
  });

  it("have the share of their scarcest resource", () => {
    const capacity = vector({ cpusMilli: 4000, memoryBytes: 1000, named: { a: 10 } });
    expect(dominantShare(NO_RESOURCES, capacity)).toBe(0);
    expect(dominantShare(vector({ cpusMilli: 1000, memoryBytes: 500 }), capacity)).toBe(0.5);
    expect(dominantShare(vector({ cpusMilli: 1000, named: { a: 9 } }), capacity)).toBe(0.9);
    expect(dominantShare(vector({ gpusMilli: 1 }), capacity)).toBe(Number.POSITIVE_INFINITY);
  });

  it.each<[Partial<Resources>, string]>([
    [{}, "nothing"],
    [{ cpusMilli: 1000 }, "1 cpu"],
    [{ cpusMilli: 2000, memoryBytes: 1.5 * 1024 ** 3 }, "2 cpus, 1.5 GiB"],
    [
      { cpusMilli: 250, gpusMilli: 1000, named: { z: 1500, a: 1000, none: 0 } },
      "0.25 cpus, 1 gpu, 1 a, 1.5 z",
    ],
  ])("are shown to people: %j", (over, shown) => {
    expect(formatResources(vector(over))).toBe(shown);
  });

  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1 KiB"],
    [25_276_510_208, "23.54 GiB"],
    [1024 ** 6, "1024 PiB"],
  ])("show %d bytes as %s", (bytes, shown) => {
    expect(formatBytes(bytes)).toBe(shown);
  });
});
