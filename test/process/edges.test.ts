import { describe, expect, it } from "vitest";
import { runJob, tasksOf } from "../support/jobs.ts";
import type { JsonTask } from "../support/jsonShapes.ts";
import { chooseSeed, type DagTask, layeredDag } from "../support/layeredDag.ts";
import { withQrew } from "../support/qrew.ts";

type Sequence = Pick<JsonTask, "startedSeq" | "finishedSeq">;

/** Edges whose dependent did not start after the end of what it depends on. */
function brokenEdges(dag: readonly DagTask[], tasks: ReadonlyMap<string, Sequence>): readonly string[] {
  const startOf = (name: string) => tasks.get(name)?.startedSeq ?? Number.NEGATIVE_INFINITY;
  const endOf = (name: string) => tasks.get(name)?.finishedSeq ?? Number.POSITIVE_INFINITY;
  return dag.flatMap(({ name, depends }) =>
    depends
      .filter((dependency) => endOf(dependency) >= startOf(name))
      .map((dependency) => `${dependency} (end ${endOf(dependency)}) -> ${name} (start ${startOf(name)})`),
  );
}

describe("a layered graph of real processes", () => {
  it.each([
    { count: 1_000, layers: 20 },
    { count: 10_000, layers: 50 },
  ])(
    "starts none of its $count tasks before all that it depends on has ended",
    async ({ count, layers }) => {
      const seed = chooseSeed();
      console.log(`${count} tasks from TEST_SEED=${seed}`);
      const dag = layeredDag(count, layers, seed);
      const edges = dag.reduce((sum, { depends }) => sum + depends.length, 0);
      expect(edges).toBe((count - count / layers) * 3);
      await withQrew(async (qrew) => {
        const document = dag.map((task) => ({ ...task, command: ["/bin/true"] }));
        const { code, job, stderr } = await runJob(qrew, document);
        expect({ code, stderr }).toMatchObject({ code: 0 });
        const tasks = await tasksOf(qrew, job);
        expect(tasks.size).toBe(count);
        const states = new Set([...tasks.values()].map(({ state, attempt }) => `${state} ${attempt}`));
        expect([...states]).toEqual(["succeeded 1"]);
        expect(brokenEdges(dag, tasks)).toEqual([]);
        const numbers = [...tasks.values()].flatMap(({ startedSeq, finishedSeq }) => [
          startedSeq,
          finishedSeq,
        ]);
        expect(numbers.every((number) => number !== null && number > 0)).toBe(true);
        expect(new Set(numbers).size).toBe(2 * count);
      });
    },
    120_000,
  );

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
