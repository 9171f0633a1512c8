import { expect, it } from "vitest";
import { chain, fanOutAndIn, noops } from "./scale.ts";

it("fans out to 10,000 tasks and in again", { timeout: 120_000 }, async () => {
  await expect(fanOutAndIn(10_000)).resolves.toBeUndefined();
});

it("goes through a chain of 2,000 in order", { timeout: 120_000 }, async () => {
  await expect(chain(2000)).resolves.toBeUndefined();
});

it("completes an array of 100,000 noop tasks", { timeout: 120_000 }, async () => {
  await expect(noops(100_000)).resolves.toBeUndefined();
});
