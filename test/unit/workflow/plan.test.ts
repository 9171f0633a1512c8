import { describe, expect, it } from "vitest";
import { EDGE_ALL, EDGE_SAME, type PlanGraph } from "../../../src/workflow/plan.ts";
import { planOf } from "./compiling.ts";

const edgesOf = (graph: PlanGraph): readonly (readonly number[])[] =>
  Array.from({ length: graph.definitionCount }, (_, origin) =>
    [...graph.dependents.slice(graph.dependentOffsets[origin], graph.dependentOffsets[origin + 1])].map(
      (dependent, place) => [
        origin,
        dependent,
        graph.dependentKinds[(graph.dependentOffsets[origin] ?? 0) + place] ?? -1,
      ],
    ),
  ).flat();

describe("names of tasks", () => {
  const plan = planOf(`
name: my job
tasks:
  - {name: a b/ü☃, command: x}
  - {name: part, command: "echo {{i}}", foreach: {i: {range: [0, 9]}}, depends: a b/ü☃}
  - {name: one, command: x, foreach: {i: [7]}}
  - {name: end, command: x, depends: [part, one]}
`);

  it("are numbered through, elements from 1", () => {
    expect(plan.name).toBe("my job");
    expect(plan.graph.taskCount).toBe(13);
    expect([...plan.graph.firstTask]).toEqual([0, 1, 11, 12, 13]);
    const names = Array.from({ length: 13 }, (_, task) => plan.taskName(task));
    const elements = Array.from({ length: 10 }, (_, index) => `part[${index + 1}]`);
    expect(names).toEqual(["a b/ü☃", ...elements, "one[1]", "end"]);
    expect(names.map((name) => plan.findTask(name))).toEqual(names.map((_, task) => task));
  });

  it.each(["part", "part[0]", "part[11]", "part[01]", "part[-1]", "end[1]", "one[2]", "", "nobody", "a"])(
    "%j is none",
    (name) => {
      expect(plan.findTask(name)).toBeNull();
    },
  );

  it("a task number that does not exist is not found", () => {
    expect(() => plan.taskName(13)).toThrow("no task number 13");
    expect(() => plan.resolve(-1)).toThrow("no task number -1");
  });
});

describe("edges", () => {
  it("join definitions, repeated dependencies count once", () => {
    const { graph } = planOf(`
- {name: d, command: x, depends: [a, {task: b, same: index}, a, {task: b}], foreach: {i: [1, 2]}}
- {name: a, command: x}
- {name: b, command: x, depends: a, foreach: {i: {range: [5, 6]}}}
`);
    expect(edgesOf(graph)).toEqual([
      [1, 0, EDGE_ALL],
      [1, 2, EDGE_ALL],
      [2, 0, EDGE_SAME],
      [2, 0, EDGE_ALL],
    ]);
    expect([...graph.needs]).toEqual([3, 0, 1]);
  });
});

describe("what a task runs", () => {
  const document = `
env: {SHARED: all, OVER: document, TEXT: "{{{{i}}}}"}
defaults:
  command: "run {{ i }} --format '{{.Names}}' {{{{i}}}} \${{{i}}}"
  params: {env: {OVER: defaults, N: "{{i}}"}, stdin: "in {{i}}", workdir: "dir/{{i}}"}
tasks:
  - {name: a, foreach: {i: {range: [10, 2, -4]}}}
  - {name: b, foreach: {i: ["x y", "$(z)"]}, command: [echo, "{{i}}", 1.50], params: {env: {OVER: task}, stdin: ""}}
  - {name: c, command: "plain {{{{i}}}}", params: {env: {N: "1"}, stdin: s, workdir: w}}
`;
  const plan = planOf(document);
  const resolved = (name: string) => plan.resolve(plan.findTask(name) ?? -1);

  it("has its placeholders filled, escapes resolved and foreign braces left", () => {
    expect(resolved("a[3]")).toEqual({
      name: "a[3]",
      command: "run 2 --format '{{.Names}}' {{i}} ${2}",
      env: { SHARED: "all", OVER: "defaults", TEXT: "{{i}}", N: "2" },
      stdin: "in 2",
      workdir: "dir/2",
      files: null,
    });
  });

  it("has its own params over those of the defaults over the document's env", () => {
    expect(resolved("b[2]")).toEqual({
      name: "b[2]",
      command: ["echo", "$(z)", "1.50"],
      env: { SHARED: "all", OVER: "task", TEXT: "{{i}}", N: "$(z)" },
      stdin: "",
      workdir: "dir/$(z)",
      files: null,
    });
    expect(resolved("c")).toEqual({
      name: "c",
      command: "plain {{i}}",
      env: { SHARED: "all", OVER: "defaults", TEXT: "{{i}}", N: "1" },
      stdin: "s",
      workdir: "w",
      files: null,
    });
  });

  it("may be long, and long for many", () => {
    const tasks = Array.from({ length: 50 }, (_, task) => ({
      name: `t${task}`,
      command: `${task} ${"ü".repeat(40_000)}`,
    }));
    const plan = planOf(tasks);
    expect(tasks.map((_, task) => plan.resolve(task).command)).toEqual(tasks.map(({ command }) => command));
  });

  it("may have variables with the names of object properties", () => {
    const plan = planOf([
      { name: "a", command: "x", params: { env: { toString: "1", hasOwnProperty: "2" } } },
    ]);
    expect(Object.entries(plan.resolve(0).env)).toEqual([
      ["toString", "1"],
      ["hasOwnProperty", "2"],
    ]);
  });
});

describe("classes", () => {
  const classOf = (document: unknown, definition = 0) => {
    const { graph } = planOf(document);
    return graph.classes[graph.definitionClass[definition] ?? -1];
  };

  it("of a bare task", () => {
    expect(classOf("- {name: a, command: x}")).toEqual({
      executor: "shell",
      resources: { cpusMilli: 1000, memoryBytes: 0, gpusMilli: 0, named: {} },
      priority: 0,
      timeoutMs: null,
      retry: { limit: 0, on: null, backoffMs: 1000, factor: 2, maxMs: 300_000 },
    });
  });

  it("have resources and retry over the defaults key by key", () => {
    const document = `
defaults: {resources: {cpus: 2, licence: 1.5}, retry: {limit: 3, backoff: 10m}, timeout: 1h, executor: noop, priority: -3}
tasks: [{name: a, resources: {cpus: 0.5, memory: 1.5Gi, gpus: 1}, retry: {factor: 1.5}, timeout: none}]
`;
    expect(classOf(document)).toEqual({
      executor: "noop",
      resources: { cpusMilli: 500, memoryBytes: 1.5 * 1024 ** 3, gpusMilli: 1000, named: { licence: 1500 } },
      priority: -3,
      timeoutMs: null,
      retry: { limit: 3, on: null, backoffMs: 600_000, factor: 1.5, maxMs: 600_000 },
    });
  });

  it("may come from defaults with placeholders alone", () => {
    const { graph } = planOf(`
defaults: {timeout: "{{n}}m"}
tasks: [{name: a, command: x, foreach: {n: [1, 2]}}, {name: b, command: x, foreach: {n: [2]}}]
`);
    const timeouts = [...(graph.elementClasses.get(0) ?? [])].map(
      (number) => graph.classes[number]?.timeoutMs,
    );
    expect(timeouts).toEqual([60_000, 120_000]);
    expect(graph.classes[graph.definitionClass[1] ?? -1]?.timeoutMs).toBe(120_000);
  });

  it("take a plain number as the limit of retry", () => {
    expect(classOf("- {name: a, command: x, retry: 2}")?.retry.limit).toBe(2);
  });

  it("are shared by tasks that agree", () => {
    const { graph } = planOf(`
defaults: {timeout: 60}
tasks:
  - {name: a, command: x}
  - {name: b, command: y, timeout: 1m}
  - {name: c, command: z, resources: {cpus: "1"}}
  - {name: d, command: z, priority: 1}
`);
    expect([...graph.definitionClass]).toEqual([0, 0, 0, 1]);
  });

  it("may differ between the elements of an array", () => {
    const { graph } = planOf(`
- {name: a, command: x, foreach: {n: [1, 2, 1, 4]}, resources: {cpus: "{{n}}", memory: "{{n}}G"}, timeout: "{{n}}m"}
- {name: b, command: x, foreach: {n: [5, 5]}, priority: "{{n}}", retry: {limit: "{{n}}"}}
`);
    const classes = graph.elementClasses.get(0) ?? [];
    expect([...classes].map((number) => graph.classes[number]?.resources.cpusMilli)).toEqual([
      1000, 2000, 1000, 4000,
    ]);
    expect([...classes].map((number) => graph.classes[number]?.timeoutMs)).toEqual([
      60_000, 120_000, 60_000, 240_000,
    ]);
    expect(graph.elementClasses.has(1)).toBe(false);
    expect(graph.classes[graph.definitionClass[1] ?? -1]).toMatchObject({ priority: 5, retry: { limit: 5 } });
  });
});

describe("files of a task", () => {
  const plan = planOf(`
defaults: {stdout: "log/{{i}}", outputs: ["{{i}}.out", all]}
tasks:
  - {name: a, command: x, foreach: {i: [1, 2]}, params: {workdir: "w{{i}}"}}
  - {name: b, command: x, stdout: /abs, stderr: e, outputs: []}
`);

  it("are its own over those of the defaults, with placeholders filled", () => {
    expect(plan.resolve(1).files).toEqual({ stdout: "log/2", stderr: null, outputs: ["2.out", "all"] });
    expect(plan.resolve(2).files).toEqual({ stdout: "/abs", stderr: "e", outputs: [] });
    expect(plan.streamFile(1, "stdout")).toBe("w2/log/2");
    expect(plan.streamFile(1, "stderr")).toBeNull();
    expect(plan.streamFile(2, "stdout")).toBe("/abs");
    expect(plan.streamFile(2, "stderr")).toBe("e");
  });
});

describe("retry on", () => {
  it("is the set of ends after which an attempt is repeated", () => {
    const on = (value: unknown) =>
      planOf([{ name: "a", command: "x", retry: { limit: 1, on: value } }]).graph.classes[0]?.retry.on;
    expect(on([75, "SIGKILL", 75, "timeout", "7"])).toEqual([7, 75, "SIGKILL", "timeout"]);
    expect(on(75)).toEqual([75]);
    expect(on(undefined)).toBeNull();
  });
});
