import { beforeEach, expect, it } from "vitest";
import { skipUnless } from "../../support/requires.ts";
import { fuzz } from "./fuzzer.ts";

const SEEDS = 8;
const ROUNDS = 3000;

beforeEach((ctx) => skipUnless(ctx, "sanitizer"));

it.each(Array.from({ length: SEEDS }, (_, index) => index + 100))(
  "a forkserver under sanitizers stands the streams of seed %i",
  async (seed) => {
    expect((await fuzz(seed, ROUNDS)).refused).toBeGreaterThan(ROUNDS / 2);
  },
);
