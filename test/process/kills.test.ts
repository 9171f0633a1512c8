import { expect, it } from "vitest";
import { seedOf } from "../support/random.ts";
import { survive } from "./kills.ts";

it("800 tasks outlive half a dozen kills at random points", { timeout: 150_000 }, async () => {
  const seed = seedOf("KILL_SEED");
  process.stdout.write(`KILL_SEED=${seed}\n`);
  await expect(survive({ seed, kills: 6, layers: 8, longSeconds: 1 })).resolves.toBeUndefined();
});
