import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { byType } from "../../../protocol/byType.ts";

const options = [
  v.strictObject({ type: v.literal("count"), number: v.number() }),
  v.strictObject({ type: v.literal("name"), text: v.string() }),
] as const;

describe("a choice by type", () => {
  it.each([
    [{ type: "count", number: 1 }],
    [{ type: "name", text: "a" }],
    [{ type: "name", text: 1 }],
    [{ type: "count", number: 1, more: 2 }],
    [{ type: "other" }],
    [{ type: 7 }],
    [{ text: "a" }],
    [Object.create({ type: "name", text: "a" })],
    [[]],
    ["count"],
    [null],
  ])("says of %j what a choice says that tries all", (input: unknown) => {
    const { typed, output, issues } = v.safeParse(byType(options), input);
    const expected = v.safeParse(v.variant("type", options), input);
    expect({ typed, output }).toEqual({ typed: expected.typed, output: expected.output });
    expect(issues?.map(({ message, path }) => ({ message, path }))).toEqual(
      expected.issues?.map(({ message, path }) => ({ message, path })),
    );
  });
});
