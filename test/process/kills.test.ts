import { expect, it } from "vitest";
import { seedOf } from "../support/random.ts";
import { survive } from "./kills.ts";

it("2,000 tasks outlive a dozen kills at random points", { timeout: 150_000 }, async () => {
  const seed = seedOf("KILL_SEED");
  process.stdout.write(`KILL_SEED=${seed}\n`);
  await expect(survive({ seed, kills: 12, layers: 20, longSeconds: 2 })).resolves.toBeUndefined();
});
