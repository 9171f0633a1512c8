import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { faultsOf } from "./compiling.ts";

const folder = new URL("../../../examples/", import.meta.url);
const examples = readdirSync(folder).filter((name) => /\.(ya?ml|json)$/.test(name));
const reference = readFileSync(new URL("../../../docs/document.md", import.meta.url), "utf8");
const blocks = [...reference.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1] ?? "");

describe("what newcomers copy from", () => {
  it("is there", () => {
    expect(examples.length).toBeGreaterThan(2);
    expect(blocks.length).toBeGreaterThan(2);
  });

  it.each(examples)("examples/%s has no faults", (name) => {
    expect(faultsOf(readFileSync(new URL(name, folder), "utf8"), name)).toEqual([]);
  });

  it.each(blocks)("a block of docs/document.md has no faults: %s", (text) => {
    expect(faultsOf(text)).toEqual([]);
  });
});
