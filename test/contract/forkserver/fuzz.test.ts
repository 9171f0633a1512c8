import { beforeEach, expect, it } from "vitest";
import { skipUnless } from "../../support/requires.ts";
import { fuzz } from "./fuzzer.ts";

beforeEach((ctx) => skipUnless(ctx, "sanitizer"));

it("a forkserver under sanitizers stands whatever bytes come, and serves the next one", async () => {
  const { understood, refused } = await fuzz(1, 400);
  expect(understood).toBeGreaterThan(20);
  expect(refused).toBeGreaterThan(100);
});
