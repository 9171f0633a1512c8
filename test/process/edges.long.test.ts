import { expect, it } from "vitest";
import { runLayers } from "./edges.ts";

it("a layered graph of real processes starts none of its 10,000 tasks before all that it depends on has ended", async () => {
  await expect(runLayers(10_000, 50)).resolves.toBeUndefined();
});
