import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  computeReadiness,
  definitionOf,
  ENDED_BADLY,
  ENDED_WELL,
  NOT_ENDED,
  NOT_NEEDED,
} from "../../../src/client/readiness.ts";
import { describeReason } from "../../../src/client/reason.ts";
import type { TaskReason } from "../../../src/store/workerRecords.ts";
import { taskIndex } from "../../../protocol/ids.ts";
import { compileWorkflow } from "../../../src/workflow/compile.ts";

/** Definition `d` is a single task (size 0) or an array, and depends on all or on the same element of earlier ones. */
interface Shape {
  readonly size: number;
  readonly needs: readonly { readonly on: number; readonly same: boolean }[];
}

const shapes = fc.array(
  fc.record({
    size: fc.constantFrom(0, 3),
    needs: fc.array(fc.record({ on: fc.nat({ max: 7 }), same: fc.boolean() }), { maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 8 },
);

function planOf(defined: readonly Shape[]) {
  const tasks = defined.map(({ size, needs }, index) => {
    const known = needs.filter(({ on }) => on < index);
    const distinct = known.filter((need, at) => known.findIndex(({ on }) => on === need.on) === at);
    const depends = distinct.map(({ on, same }) =>
      same && size > 0 && defined[on]?.size === size ? { task: `d${on}`, same: "index" } : `d${on}`,
    );
    const foreach = size > 0 ? { foreach: { i: { range: [1, size] } } } : {};
    return { name: `d${index}`, command: "true", depends, ...foreach };
  });
  const compiled = compileWorkflow(Buffer.from(JSON.stringify(tasks)), "x.json", { capacity: null });
  if (compiled.type !== "plan") throw new Error(compiled.faults.map(({ message }) => message).join(" "));
  return { plan: compiled.plan, tasks };
}

describe("readiness", () => {
  it("is that all a task depends on has succeeded, by the document", () => {
    fc.assert(
      fc.property(shapes, fc.array(fc.boolean(), { minLength: 32, maxLength: 32 }), (defined, outcomes) => {
        const { plan, tasks } = planOf(defined);
        const succeeded = Uint8Array.from({ length: plan.graph.taskCount }, (_, task) =>
          outcomes[task] === true ? ENDED_WELL : NOT_ENDED,
        );
        const readiness = computeReadiness(plan.graph, succeeded);
        const isDone = (name: string): boolean => succeeded[plan.findTask(name) ?? -1] === 1;
        for (const { name, depends, ...rest } of tasks) {
          const elements = "foreach" in rest ? [1, 2, 3] : [null];
          for (const element of elements) {
            const expected = depends.every((need) => {
              if (typeof need === "object") return isDone(`${need.task}[${element}]`);
              const isArray = plan.findTask(`${need}[1]`) !== null;
              return isArray ? [1, 2, 3].every((index) => isDone(`${need}[${index}]`)) : isDone(need);
            });
            const task = plan.findTask(element === null ? name : `${name}[${element}]`);
            expect(readiness.isReady(task ?? -1)).toBe(expected);
          }
        }
      }),
    );
  });

  it("of a task with another when is that all it depends on has ended, and as it asks", () => {
    const tasks = [
      { name: "a", command: "true" },
      { name: "b", command: "true", foreach: { i: [1, 2] } },
      { name: "rescue", command: "true", depends: ["a", "b"], when: "failure" },
      {
        name: "mend",
        command: "true",
        depends: [{ task: "b", same: "index" }],
        foreach: { i: [1, 2] },
        when: "failure",
      },
      { name: "clean", command: "true", depends: ["a", "b"], when: "always" },
    ];
    const compiled = compileWorkflow(Buffer.from(JSON.stringify(tasks)), "x.json", { capacity: null });
    if (compiled.type !== "plan") throw new Error("it is no plan");
    const { plan } = compiled;
    const readyOf = (...ends: readonly number[]): readonly string[] => {
      const all = new Uint8Array(plan.graph.taskCount);
      all.set(ends);
      const readiness = computeReadiness(plan.graph, all);
      const waiting = Array.from(all.keys()).slice(ends.length);
      return waiting.filter((task) => readiness.isReady(task)).map((task) => plan.taskName(task));
    };
    expect(readyOf(ENDED_WELL, ENDED_WELL, ENDED_WELL)).toEqual(["clean"]);
    expect(readyOf(ENDED_WELL, NOT_ENDED, ENDED_BADLY)).toEqual(["mend[2]"]);
    expect(readyOf(ENDED_BADLY, ENDED_BADLY, NOT_NEEDED)).toEqual(["rescue", "mend[1]", "clean"]);
    expect(readyOf(NOT_NEEDED, ENDED_WELL, ENDED_WELL)).toEqual(["clean"]);
  });

  it("finds the definition of each task", () => {
    const { plan } = planOf([
      { size: 0, needs: [] },
      { size: 3, needs: [] },
      { size: 0, needs: [] },
    ]);
    expect([0, 1, 2, 3, 4].map((task) => definitionOf(plan.graph, task))).toEqual([0, 1, 1, 1, 2]);
  });
});

describe("reasons", () => {
  const cases: readonly (readonly [TaskReason, string])[] = [
    [{ type: "exited", exitCode: 7 }, "exit code 7"],
    [{ type: "signalled", signal: "SIGSEGV" }, "signal SIGSEGV"],
    [{ type: "timedOut", timeoutMs: 10_000 }, "time limit 10s"],
    [{ type: "timedOut", timeoutMs: 1_500 }, "time limit 1500ms"],
    [
      { type: "notStarted", reason: "noWorkdir", detail: "there is no folder x" },
      "not started: there is no folder x",
    ],
    [{ type: "dependency", task: taskIndex(3), state: "failed" }, "dependency task3 failed"],
    [{ type: "lost", detail: "the executor died" }, "lost: the executor died"],
    [{ type: "cancelled" }, "cancelled"],
    [{ type: "outputsMissing", missing: ["a b"], count: 1 }, 'missing output "a b"'],
    [{ type: "outputsMissing", missing: ["a", "b"], count: 9 }, 'missing outputs "a", "b" and 7 more'],
    [{ type: "failFast", task: taskIndex(3) }, "failFast: task3 failed"],
    [{ type: "notNeeded", when: "failure" }, "not needed: nothing that it depends on failed"],
    [{ type: "notNeeded", when: "success" }, "not needed: something that it depends on was not needed"],
  ];
  it.each(cases)("%j is %j", (reason, text) => {
    expect(describeReason(reason, (task) => `task${task}`)).toBe(text);
  });
});
