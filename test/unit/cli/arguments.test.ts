import { describe, expect, it } from "vitest";
import { parseCpus, parseInteger, parseNamedResources, parseWait } from "../../../src/cli/arguments.ts";

const usage: unknown = expect.objectContaining({ code: "usage" });

describe("arguments", () => {
  it.each([
    ["0", 0],
    ["-1000", -1000],
    ["+7", 7],
  ])("integer %j is %j", (text, value) => {
    expect(parseInteger(text, "--priority", -1000, 1000)).toBe(value);
  });

  it.each(["", "1.5", "1e3", "0x10", "1001", "-1001", "ten", " 1"])(
    "%j is no integer within the bounds",
    (text) => {
      expect(() => parseInteger(text, "--priority", -1000, 1000)).toThrow(usage);
    },
  );

  it.each([
    ["4", 4],
    ["0.5", 0.5],
    ["1.125", 1.125],
  ])("%j are %j cpus", (text, value) => {
    expect(parseCpus(text)).toBe(value);
  });

  it.each(["0", "-1", "1.0005", "many", ""])("%j are no cpus", (text) => {
    expect(() => parseCpus(text)).toThrow(usage);
  });

  it.each([
    ["90s", 90_000],
    ["1h30m", 5_400_000],
    ["5", 5_000],
    ["0.5", 500],
    ["250ms", 250],
  ])("%j is a wait of %j ms", (text, ms) => {
    expect(parseWait(text, "--timeout")).toBe(ms);
  });

  it.each(["", "soon", "-1s", "25d", "1m1h"])("%j is no wait", (text) => {
    expect(() => parseWait(text, "--timeout")).toThrow(usage);
  });

  it("named resources have amounts", () => {
    expect(parseNamedResources(["licence=2", "scratch.fast=0.5"])).toEqual({
      licence: 2,
      "scratch.fast": 0.5,
    });
    for (const text of ["licence", "=2", "a b=1", "licence=-1", "licence=x"]) {
      expect(() => parseNamedResources([text])).toThrow(usage);
    }
  });
});
