import { describe, expect, it } from "vitest";
import { firstFailure } from "./seeds.ts";

const SEEDS = 10_000;
const PARTS = 10;

describe("a simulation of many seeds", () => {
  it.each(Array.from({ length: PARTS }, (_, part) => [(part * SEEDS) / PARTS + 1, SEEDS / PARTS] as const))(
    "from %i, %i of them",
    (first, count) => {
      expect(firstFailure(first, count)).toBeNull();
    },
  );
});
