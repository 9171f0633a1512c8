import { expect, it } from "vitest";
import { raceWithCancellations } from "./cancelRace.ts";

it("a thousand cancellations race with the ends of their tasks: one outcome each, and nothing runs on", {
  timeout: 180_000,
}, async () => {
  await expect(raceWithCancellations(1000)).resolves.toBeUndefined();
});
