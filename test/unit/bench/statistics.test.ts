import { describe, expect, it } from "vitest";
import {
  estimateMedian,
  estimateQuantile,
  estimateRatio,
  median,
  quantileOf,
  randomNumbers,
} from "../../../bench/statistics.ts";

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe("the median", () => {
  it.each([
    [[5], 5],
    [[9, 1], 5],
    [[3, 100, 1], 3],
    [[4, 1, 3, 2], 2.5],
  ])("of %j is %d", (samples, value) => {
    expect(median(samples)).toBe(value);
  });

  // From tables of the sign test: the largest rank with at most 2.5 % in each tail.
  it.each([
    [3, 1, 3],
    [5, 1, 5],
    [6, 1, 6],
    [8, 1, 8],
    [9, 2, 8],
    [12, 3, 10],
    [20, 6, 15],
    [50, 18, 33],
  ])("of %d samples lies between the ones of rank %d and %d", (count, low, high) => {
    expect(estimateMedian(upTo(count))).toEqual({ value: (count + 1) / 2, low, high });
  });

  it("has an interval that holds the true one in at least 95 % of all cases", () => {
    const random = randomNumbers(1);
    const hits = upTo(2_000).filter(() => {
      const { low, high } = estimateMedian(Array.from({ length: 9 }, random));
      return low <= 0.5 && 0.5 <= high;
    });
    expect(hits.length / 2_000).toBeGreaterThan(0.95);
  });
});

describe("a quantile", () => {
  it("is interpolated between samples", () => {
    expect(quantileOf([10, 20, 30], 0.75)).toBe(25);
    expect(quantileOf([10, 20, 30], 1)).toBe(30);
  });

  it("is bounded by samples around it, at most by the extremes", () => {
    const { value, low, high } = estimateQuantile(upTo(1_001), 0.99);
    expect(value).toBe(991);
    expect([low, high]).toEqual([985, 997]);
    expect(estimateQuantile(upTo(20), 0.99).high).toBe(20);
  });
});

describe("the ratio of two series", () => {
  it("is that of their medians, and the same for the same samples", () => {
    const [above, below] = [upTo(9), upTo(9).map((value) => value * 2)];
    const ratio = estimateRatio(above, below);
    expect(ratio).toEqual({ value: 0.5, low: 0.5, high: 0.5 });
    const noisy = upTo(9).map((value) => value ** 2);
    expect(estimateRatio(noisy, below)).toEqual(estimateRatio(noisy, below));
  });

  it("has the whole range as interval where the rounds are too few for another", () => {
    expect(estimateRatio([3, 4, 9], [1, 2, 2])).toEqual({ value: 2, low: 2, high: 4.5 });
  });

  it("is not moved by a disturbance that both had in one round", () => {
    const { value, low, high } = estimateRatio([10, 10, 10, 1, 10, 10, 10], [20, 20, 20, 2, 20, 20, 20]);
    expect([value, low, high]).toEqual([0.5, 0.5, 0.5]);
  });
});
