import { describe, expect, it } from "vitest";
import { POWER_CUTS } from "./mutations.ts";
import { firstFailure } from "./seeds.ts";

const SEEDS = 10_000;
const PARTS = 10;
const CUT_SEEDS = 500;

describe("a simulation of many seeds", () => {
  it.each(Array.from({ length: PARTS }, (_, part) => [(part * SEEDS) / PARTS + 1, SEEDS / PARTS] as const))(
    "from %i, %i of them",
    (first, count) => {
      expect(firstFailure(first, count)).toBeNull();
    },
  );

  it(`with slow disks and a power cut after many an assignment, ${CUT_SEEDS} of them`, () => {
    expect(firstFailure(1, CUT_SEEDS, POWER_CUTS)).toBeNull();
  });
});
