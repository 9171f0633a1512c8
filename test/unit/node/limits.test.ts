import { describe, expect, it } from "vitest";
import {
  checkDescriptorLimit,
  descriptorLimit,
  FILE_DESCRIPTORS_MIN,
  parseDescriptorLimit,
} from "../../../src/node/limits.ts";
import { failureOf } from "../../support/failure.ts";

const UNLIMITED = Number.POSITIVE_INFINITY;

describe("file descriptors", () => {
  it.each<[string, ReturnType<typeof parseDescriptorLimit>]>([
    [
      "Max open files            1024                 524288               files     \n",
      { soft: 1024, hard: 524_288 },
    ],
    ["Max cpu time  unlimited\nMax open files  256  unlimited  files\n", { soft: 256, hard: UNLIMITED }],
    ["Max open files unlimited unlimited files", { soft: UNLIMITED, hard: UNLIMITED }],
    ["Max processes  1 1 processes\n", null],
    ["", null],
  ])("are read from %j", (text, limit) => {
    expect(parseDescriptorLimit(text)).toEqual(limit);
  });

  it("of this process are known", () => {
    expect(descriptorLimit()?.soft).toBeGreaterThan(0);
  });

  it("are refused below the floor, with the way out", () => {
    const floor = FILE_DESCRIPTORS_MIN;
    const low = failureOf(() => checkDescriptorLimit({ soft: floor - 1, hard: floor }));
    expect(low.code).toBe("refused");
    expect(low.message).toContain(`ulimit -n ${floor}`);
    const lower = failureOf(() => checkDescriptorLimit({ soft: 64, hard: 128 }));
    expect(lower.message).toContain("hard limit is 128");
    expect(() => checkDescriptorLimit({ soft: floor, hard: floor })).not.toThrow();
    expect(() => checkDescriptorLimit(null)).not.toThrow();
  });
});
