/** A layered graph of real processes: no task starts before all that it depends on has ended. */
import { expect } from "vitest";
import { runJob, tasksOf } from "../support/jobs.ts";
import type { JsonTask } from "../support/jsonShapes.ts";
import { chooseSeed, type DagTask, layeredDag } from "../support/layeredDag.ts";
import { withQrew } from "../support/qrew.ts";

export type Sequence = Pick<JsonTask, "startedSeq" | "finishedSeq">;

/** Edges whose dependent did not start after the end of what it depends on. */
export function brokenEdges(
  dag: readonly DagTask[],
  tasks: ReadonlyMap<string, Sequence>,
): readonly string[] {
  const startOf = (name: string) => tasks.get(name)?.startedSeq ?? Number.NEGATIVE_INFINITY;
  const endOf = (name: string) => tasks.get(name)?.finishedSeq ?? Number.POSITIVE_INFINITY;
  return dag.flatMap(({ name, depends }) =>
    depends
      .filter((dependency) => endOf(dependency) >= startOf(name))
      .map((dependency) => `${dependency} (end ${endOf(dependency)}) -> ${name} (start ${startOf(name)})`),
  );
}

/** Runs a graph of `count` tasks in so many layers, and looks at each edge and each record. */
export async function runLayers(count: number, layers: number): Promise<void> {
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
    const numbers = [...tasks.values()].flatMap(({ startedSeq, finishedSeq }) => [startedSeq, finishedSeq]);
    expect(numbers.every((number) => number !== null && number > 0)).toBe(true);
    expect(new Set(numbers).size).toBe(2 * count);
  });
}
