import { expect, it } from "vitest";
import { seedOf } from "../support/random.ts";
import { survive } from "./kills.ts";

it("2,000 tasks outlive a hundred kills at random points, in eight jobs", {
  timeout: 15 * 60_000,
}, async () => {
  const first = seedOf("KILL_SEED");
  for (let seed = first; seed < first + 8; seed++) {
    process.stdout.write(`KILL_SEED=${seed}\n`);
    await expect(survive({ seed, kills: 13, layers: 20, longSeconds: 3 })).resolves.toBeUndefined();
  }
});
