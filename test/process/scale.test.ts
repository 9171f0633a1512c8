import { expect, it } from "vitest";
import { chain, fanOutAndIn, noops } from "./scale.ts";

it("fans out to 2,000 tasks and in again", { timeout: 60_000 }, async () => {
  await expect(fanOutAndIn(2000)).resolves.toBeUndefined();
});

it("goes through a chain of 500 in order", { timeout: 60_000 }, async () => {
  await expect(chain(500)).resolves.toBeUndefined();
});

it("completes an array of 50,000 noop tasks", { timeout: 60_000 }, async () => {
  await expect(noops(50_000)).resolves.toBeUndefined();
});
