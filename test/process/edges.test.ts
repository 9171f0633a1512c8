import { describe, expect, it } from "vitest";
import { brokenEdges, runLayers, type Sequence } from "./edges.ts";

describe("a layered graph of real processes", () => {
  it("starts none of its 1,000 tasks before all that it depends on has ended", async () => {
    await expect(runLayers(1000, 20)).resolves.toBeUndefined();
  });

  it("is checked edge by edge", () => {
    const dag = [
      { name: "a", depends: [] },
      { name: "b", depends: ["a"] },
    ];
    const check = (a: Sequence, b: Sequence) =>
      brokenEdges(
        dag,
        new Map([
          ["a", a],
          ["b", b],
        ]),
      );
    expect(check({ startedSeq: 1, finishedSeq: 2 }, { startedSeq: 3, finishedSeq: 4 })).toEqual([]);
    expect(check({ startedSeq: 1, finishedSeq: 3 }, { startedSeq: 2, finishedSeq: 4 })).toHaveLength(1);
    expect(check({ startedSeq: 1, finishedSeq: null }, { startedSeq: 2, finishedSeq: 4 })).toHaveLength(1);
    expect(check({ startedSeq: 1, finishedSeq: 2 }, { startedSeq: null, finishedSeq: null })).toHaveLength(1);
  });
});
