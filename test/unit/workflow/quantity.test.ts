import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { editDistance, nearest } from "../../../src/workflow/nearest.ts";
import { fill, placeholdersOf } from "../../../src/workflow/placeholder.ts";
import { type Quantity, readDuration, readMilli, readSize } from "../../../src/workflow/quantity.ts";

const amountOf = (quantity: Quantity): number | null => (quantity.ok ? quantity.amount : null);

describe("amounts with units", () => {
  it.each([
    ["500ms", 500],
    ["90s", 90_000],
    ["1.5m", 90_000],
    ["1h30m", 5_400_000],
    ["2d", 172_800_000],
    ["1d1h1m1s1ms", 90_061_001],
    [90, 90_000],
    ["90", 90_000],
    [0.25, 250],
    ["30m1h", null],
    ["1h1h", null],
    ["5 s", null],
    ["s", null],
    ["", null],
    ["1:30", null],
    ["400d", null],
    [Number.NaN, null],
    [true, null],
    [null, null],
  ])("the duration %j is %j ms", (value, ms) => {
    expect(amountOf(readDuration(value, 1))).toBe(ms);
  });

  it.each([
    ["512M", 512 * 1024 ** 2],
    ["2G", 2 * 1024 ** 3],
    ["1.5Gi", 1.5 * 1024 ** 3],
    ["100k", 102_400],
    ["100 KiB", 102_400],
    ["1MB", 1024 ** 2],
    ["7", 7],
    [7, 7],
    ["7B", 7],
    ["1g", null],
    ["-1", null],
    ["2000P", null],
    ["", null],
  ])("the size %j is %j bytes", (value, bytes) => {
    expect(amountOf(readSize(value))).toBe(bytes);
  });

  it("thousandths are exact", () => {
    fc.assert(fc.property(fc.nat(1_000_000_000), (milli) => amountOf(readMilli(milli / 1000)) === milli));
    expect(amountOf(readMilli(0.0001))).toBeNull();
  });
});

describe("placeholders", () => {
  const filling = [{ axis: "i", value: "$& {{i}}" }];

  it.each([
    ["{{i}}{{ i }}", "$& {{i}}$& {{i}}", ["i"]],
    ["{{{{i}}}} {{{{ x }}}}", "{{i}} {{ x }}", []],
    ["${{{i}}}", "${$& {{i}}}", ["i"]],
    ["{{.Names}} {{ range . }} {{}} {{1}} {i}", "{{.Names}} {{ range . }} {{}} {{1}} {i}", []],
    ["{{j}}", "{{j}}", ["j"]],
    ["{{{{i}}", "{{$& {{i}}", ["i"]],
  ])("%j", (text, filled, names) => {
    expect(fill(text, filling)).toBe(filled);
    expect(placeholdersOf(text)).toEqual(names);
  });
});

describe("the nearest name", () => {
  it("counts insertions, deletions, replacements and swaps", () => {
    expect(editDistance("align", "algin", 3)).toBe(1);
    expect(editDistance("align", "aligned", 3)).toBe(2);
    expect(editDistance("kitten", "sitting", 3)).toBe(3);
    expect(editDistance("kitten", "sitting", 2)).toBe(3);
    expect(editDistance("", "ab", 3)).toBe(2);
  });

  it("is symmetric and 0 only for the same", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 8 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b, 10)).toBe(editDistance(b, a, 10));
        expect(editDistance(a, b, 10) === 0).toBe(a === b);
      }),
    );
  });

  it("is none when nothing is near", () => {
    expect(nearest("prepare", ["align", "sort"])).toBeNull();
    expect(nearest("Align", ["aligns", "align"])).toBe("align");
    expect(nearest("t12", ["t1", "t13"])).toBe("t1");
  });
});
