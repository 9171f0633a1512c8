import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { commandsMarkdown } from "../../../src/cli/reference.ts";

it("docs/commands.md is what the program says: run `npm run docs` after a change", () => {
  const written = readFileSync(new URL("../../../docs/commands.md", import.meta.url), "utf8");
  expect(commandsMarkdown()).toBe(written);
});
