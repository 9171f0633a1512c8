import { expect, it } from "vitest";
import { raceWithCancellations } from "./cancelRace.ts";

it("three hundred cancellations race with the ends of their tasks: one outcome each, and nothing runs on", {
  timeout: 120_000,
}, async () => {
  await expect(raceWithCancellations(300)).resolves.toBeUndefined();
});
