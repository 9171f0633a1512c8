import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { QrewError } from "../../../protocol/errors.ts";
import type { ColumnPlan } from "../../../src/workflow/columnPlan.ts";
import { decodePlan } from "../../../src/workflow/decodePlan.ts";
import { encodePlan } from "../../../src/workflow/encodePlan.ts";
import { entryOffset, type Section, SECTIONS } from "../../../src/workflow/planFormat.ts";
import { WHEN_ALWAYS, WHEN_FAILURE, WHEN_SUCCESS } from "../../../src/workflow/plan.ts";
import { faultsOf, planOf } from "./compiling.ts";

/** A DAG as the dependencies of each task, all on earlier ones, and the place of each task in the document. */
const dag = fc.array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 40 }).chain((rows) => {
  const depends = rows.map((row, task) => (task === 0 ? [] : [...new Set(row.map((other) => other % task))]));
  return fc.record({
    depends: fc.constant(depends),
    order: fc.shuffledSubarray([...depends.keys()], { minLength: depends.length }),
  });
});

const edgesOf = ({ graph }: ColumnPlan, names: readonly string[]): readonly string[] => {
  const edges: string[] = [];
  for (let origin = 0; origin < graph.definitionCount; origin += 1) {
    const [start, end] = [graph.dependentOffsets[origin], graph.dependentOffsets[origin + 1]];
    for (const dependent of graph.dependents.slice(start, end))
      edges.push(`${names[origin]} ${names[dependent]}`);
  }
  return edges.toSorted();
};

describe("a random DAG", () => {
  it("becomes a graph with its edges, in whatever order its tasks stand", () => {
    fc.assert(
      fc.property(dag, ({ depends, order }) => {
        const tasks = order.map((task) => ({
          name: `t${task}`,
          command: "x",
          depends: (depends[task] ?? []).map((other) => `t${other}`),
        }));
        const plan = planOf(tasks);
        const wanted = depends.flatMap((row, task) => row.map((other) => `t${other} t${task}`)).toSorted();
        expect(
          edgesOf(
            plan,
            tasks.map(({ name }) => name),
          ),
        ).toEqual(wanted);
        expect([...plan.graph.needs]).toEqual(tasks.map(({ depends }) => depends.length));
      }),
    );
  });

  it("with an edge back is a cycle", () => {
    fc.assert(
      fc.property(dag, fc.nat(), fc.nat(), ({ depends, order }, a, b) => {
        const from = a % depends.length;
        const path = [from];
        for (let at = from, step = b; (depends[at]?.length ?? 0) > 0; step = Math.floor(step / 3)) {
          at = depends[at]?.[step % (depends[at]?.length ?? 1)] ?? 0;
          path.push(at);
        }
        const last = path.at(-1) ?? from;
        if (last === from) return;
        const tasks = order.map((task) => ({
          name: `t${task}`,
          command: "x",
          depends: [...(depends[task] ?? []), ...(task === last ? [from] : [])].map((other) => `t${other}`),
        }));
        const faults = faultsOf(JSON.stringify(tasks), "w.json");
        expect(faults.length).toBeGreaterThan(0);
        for (const fault of faults) expect(fault).toContain("in a circle");
      }),
    );
  });
});

const document = {
  name: "all there is",
  env: { A: "1" },
  maxRunning: 7,
  failFast: true,
  defaults: { params: { env: { B: "{{i}}" }, stdin: "{{i}}" }, stdout: "{{i}}", outputs: "{{i}}" },
  tasks: [
    { name: "array", command: "x {{i}}", foreach: { i: { range: [1, 5] } }, timeout: "{{i}}s" },
    {
      name: "list",
      command: ["x", "{{i}}"],
      foreach: { i: ["ä", "b", "c", "d", 5] },
      depends: { task: "array", same: "index" },
    },
    {
      name: "ü",
      command: "x",
      params: { env: { B: "2" }, stdin: "", workdir: "w" },
      resources: { licence: 1 },
      depends: "list",
      when: "failure",
      stdout: "out",
      stderr: "err",
      outputs: ["a", "b*"],
      retry: { limit: 3, on: [75, "SIGKILL"] },
    },
    { name: "nothing", executor: "noop", depends: ["array", "ü"], when: "always" },
  ],
};

const contents = (plan: ColumnPlan) => ({
  name: plan.name,
  graph: plan.columns.graph,
  promises: Array.from({ length: plan.graph.definitionCount }, (_, d) => plan.graph.promisesOutputs(d)),
  tasks: Array.from({ length: plan.graph.taskCount }, (_, task) => plan.resolve(task)),
  found: Array.from({ length: plan.graph.taskCount }, (_, task) => plan.findTask(plan.taskName(task))),
});

describe("an encoded plan", () => {
  const plan = planOf(document);
  const bytes = encodePlan(plan);

  it("says when its tasks run, and what holds for the whole job", () => {
    expect([...plan.graph.when]).toEqual([WHEN_SUCCESS, WHEN_SUCCESS, WHEN_FAILURE, WHEN_ALWAYS]);
    expect(plan.graph).toMatchObject({ maxRunning: 7, failFast: true });
    expect(planOf([{ name: "a", command: "x" }]).graph).toMatchObject({ maxRunning: null, failFast: false });
  });

  it("is the same plan when it is decoded, wherever the bytes begin", () => {
    expect(contents(decodePlan(bytes))).toEqual(contents(plan));
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    expect(contents(decodePlan(shifted.subarray(3)))).toEqual(contents(plan));
    expect(encodePlan(decodePlan(bytes))).toEqual(bytes);
  });

  it("that is cut off, or another file, is refused", () => {
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decodePlan(bytes.slice(0, length))).toThrow(QrewError);
    }
    expect(() => decodePlan(new Uint8Array(10_000))).toThrow(/does not begin as a plan/);
    const newer = bytes.slice();
    newer[4] = 3;
    expect(() => decodePlan(newer)).toThrow(/format 3/);
  });

  it.each<readonly [section: Section, number: number, value: number]>([
    ["firstTask", 1, 0],
    ["needs", 1, 2],
    ["dependentOffsets", 1, 9],
    ["dependents", 0, 4],
    ["dependentKinds", 0, 2],
    ["definitionClass", 3, 99],
    ["elementDefinitions", 0, 4],
    ["elementNumbers", 2, 99],
    ["nameOffsets", 1, 99],
    ["commandOf", 0, 4],
    ["paramsOf", 0, 9],
    ["arrays", 1, 0],
    ["firstValues", 1, 1],
  ])("with a wrong number in %s is refused", (section, number, value) => {
    const changed = new DataView(bytes.slice().buffer);
    const start = changed.getFloat64(entryOffset(SECTIONS.indexOf(section)), true);
    changed.setUint32(start + number * 4, value, true);
    expect(() => decodePlan(new Uint8Array(changed.buffer))).toThrow(/damaged/);
  });

  it("with any bytes changed is refused, or is a plan whose tasks can be read or are refused", () => {
    const change = fc.record({ offset: fc.nat(bytes.length - 1), value: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const changed = bytes.slice();
        for (const { offset, value } of changes) changed[offset] = value;
        try {
          const decoded = decodePlan(changed);
          for (let task = 0; task < Math.min(decoded.graph.taskCount, 100); task += 1) {
            decoded.findTask(decoded.taskName(task));
            decoded.resolve(task);
          }
        } catch (thrown) {
          if (!(thrown instanceof QrewError) || thrown.code !== "storeDamaged") throw thrown;
        }
      }),
      { numRuns: 3000 },
    );
  });
});
