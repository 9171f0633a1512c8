import { describe, expect, it } from "vitest";
import type { WorkflowFormat } from "../../../../protocol/clientLink.ts";
import { compileWorkflow, convertWorkflow } from "../../../../src/workflow/compile.ts";
import { contextOf, faultsOf, filesOf, tasksOf } from "./importingText.ts";

const json = (value: unknown): string => JSON.stringify(value);
const namesOf = (text: string, source: string, format: WorkflowFormat | null = null): readonly string[] => [
  ...tasksOf(text, source, { format }).keys(),
];

describe("the format", () => {
  const makeflow = "A=1\nout: in\n\techo 1 > out\n";
  const wfformat = json({ name: "w", workflow: { tasks: [{ name: "t", runtimeInSeconds: 1 }] } });

  it.each([
    ["ends with .mf", makeflow, "x.mf", ["out"]],
    ["ends with .makeflow", makeflow, "x.makeflow", ["out"]],
    ["is called Makeflow", makeflow, "a/Makeflow", ["out"]],
    ["looks like a Makeflow", makeflow, "stdin", ["out"]],
    [
      "is a recording with a name that no job may have",
      json({ name: "", workflow: { tasks: [{ name: "t", runtimeInSeconds: 1 }] } }),
      "x.json",
      ["t"],
    ],
    ["looks like YAML", "tasks:\n- name: a\n  command: x\n", "stdin", ["a"]],
    ["is JSON with tasks", json({ tasks: [{ name: "a", command: "x" }] }), "x.json", ["a"]],
    ["is JSON with rules", json({ rules: [{ command: "x", outputs: ["o"] }] }), "x.json", ["o"]],
    [
      "is JSON with rules, without ending",
      json({ rules: [{ command: "x", outputs: ["o"] }] }),
      "stdin",
      ["o"],
    ],
    ["is JX that is JSON", json({ rules: [{ command: "x", outputs: ["o"] }] }), "x.jx", ["o"]],
    ["is JSON with a workflow", wfformat, "x.json", ["t"]],
  ])("%s", (_what, text, source, names) => {
    expect(namesOf(text, source)).toEqual(names);
  });

  it("can be told", () => {
    expect(namesOf(makeflow, "x.txt", "makeflow")).toEqual(["out"]);
    expect(namesOf("- {name: a, command: x}", "x.mf", "qrew")).toEqual(["a"]);
    expect(faultsOf("[]", "x.json", { format: "wfformat" })[0]).toContain("This is no WfFormat");
    expect(faultsOf("[]", "x.json", { format: "makeflow-json" })[0]).toContain('list of "rules"');
  });

  it("can be told of JX, whatever its name", () => {
    const jx = '{"rules": [{"command": "x", "outputs": ["o" + i]} for i in range(2)]}';
    expect(namesOf(jx, "x.json", "makeflow-jx")).toEqual(["o0", "o1"]);
    expect(faultsOf(jx, "x.json").join()).toContain("--format makeflow-jx");
  });
});

describe("Makeflow in JSON", () => {
  it("joins environments and resources, the rule's over the others", () => {
    const text = json({
      environment: { A: "w" },
      categories: {
        c: { environment: { B: "c", C: "c" }, resources: { cores: 2, memory: 10, "wall-time": 5 } },
      },
      default_category: "c",
      rules: [
        { command: "x {{i}}", outputs: ["a"], environment: { C: "r" }, resources: { cores: 1, gpus: 1 } },
        { command: "y", outputs: [{ name: "b" }], inputs: [{ dag_name: "a" }], category: "other" },
      ],
    });
    const tasks = tasksOf(text, "w.json");
    expect(tasks.get("a")).toMatchObject({
      cpusMilli: 1000,
      gpusMilli: 1000,
      timeoutMs: 5000,
      command: "x {{i}}",
    });
    expect(tasks.get("a")?.env).toMatchObject({ A: "w", B: "c", C: "r", CORES: "1", MEMORY: "10" });
    expect(tasks.get("b")).toMatchObject({ depends: ["a"], env: { A: "w", CORES: "1" } });
  });

  it("nests", () => {
    const files = filesOf({
      "s.json": json({ rules: [{ command: "x", inputs: ["in"], outputs: ["o"] }] }),
      in: "",
    });
    const tasks = tasksOf(
      json({ rules: [{ workflow: "s.json", inputs: ["in"], outputs: ["o"] }] }),
      "w.json",
      { files },
    );
    expect([...tasks.keys()]).toEqual(["o/o", "o"]);
  });

  it("faults stand in the JSON", () => {
    const text =
      '{"rules": [\n{"command": 1, "outputs": ["a"]},\n{"comand": "x"},\n{"command": "x",\n"inputs": ["b", 3], "resources": {"cores": "x", "core": 1}},\n{"workflow": "w", "args": {}}], "rule": 1}';
    const files = filesOf({});
    expect(faultsOf(text, "w.json", { files }).map((fault) => fault.slice(0, 42))).toEqual([
      "2:13 command must be text, found the numbe",
      "3:1 This rule has neither command nor work",
      '5:12 "b" is not there, and no rule makes i',
      "5:17 A file must be a name, or an object w",
      "5:44 cores must be a number of 0 or more, ",
      '5:49 Unknown key "core" in resources. It h',
      '6:1 The nested workflow "w" cannot be read',
    ]);
  });
});

describe("WfFormat", () => {
  const tasks14 = [
    {
      name: "a",
      id: "1",
      runtimeInSeconds: 2,
      children: ["b"],
      files: [
        { link: "output", name: "d/x", sizeInBytes: 10 },
        { link: "input", name: "y" },
      ],
    },
    { name: "b", id: "2", runtimeInSeconds: 0.5, cores: 4, parents: ["1"] },
  ];

  it("1.4 becomes replays", () => {
    const text = json({ name: "n", schemaVersion: "1.4", workflow: { tasks: tasks14 } });
    const tasks = tasksOf(text, "w.json", { timeScale: 0.1, sizeScale: 2 });
    expect(tasks.get("1")?.command).toEqual(["/replay", "--seconds", "0.200000", "--write", "d/x=20"]);
    expect(tasks.get("2")).toMatchObject({
      depends: ["1"],
      cpusMilli: 4000,
      command: ["/replay", "--seconds", "0.050000"],
    });
  });

  it("ids may be numbers, tasks may be called jobs, and what was not recorded takes no time", () => {
    const jobs = [
      { id: 1, name: "a" },
      { id: 2, name: "b", parents: [1], runtime: 3 },
    ];
    const tasks = tasksOf(json({ name: "n", schemaVersion: "1.3", workflow: { jobs } }), "w.json");
    expect(tasks.get("1")?.command).toEqual(["/replay", "--seconds", "0.000000"]);
    expect(tasks.get("2")).toMatchObject({ depends: ["1"], command: ["/replay", "--seconds", "3.000000"] });
    const wrong = json({ workflow: { tasks: [{ id: "1", parents: [{}] }] } });
    expect(faultsOf(wrong, "w.json").join()).toContain("parents has names, found an object.");
  });

  it("1.5 becomes replays", () => {
    const specification = {
      tasks: [
        {
          name: "t",
          id: "a",
          parents: [],
          children: ["b"],
          inputFiles: ["i"],
          outputFiles: ["/x/../../o{{i}}"],
        },
        { name: "t", id: "b", parents: ["a"] },
      ],
      files: [{ id: "/x/../../o{{i}}", sizeInBytes: 7 }],
    };
    const execution = { tasks: [{ id: "b", runtimeInSeconds: 3, coreCount: 2 }] };
    const tasks = tasksOf(json({ name: "n", workflow: { specification, execution } }), "w.json", {
      sizeScale: 1,
    });
    expect(tasks.get("a")?.command).toEqual(["/replay", "--seconds", "0.000000", "--write", "o{{i}}=7"]);
    expect(tasks.get("b")).toMatchObject({
      depends: ["a"],
      cpusMilli: 2000,
      command: ["/replay", "--seconds", "3.000000"],
    });
  });

  it.each([
    [
      "an unknown parent",
      [{ id: "a", parents: ["x"] }],
      '1:46 There is no task "x": add it, or take it out.',
    ],
    [
      "a name twice",
      [{ id: "a" }, { id: "a" }],
      '1:36 Another task is called "a" already: give each its own id.',
    ],
    [
      "a wrong time",
      [{ id: "a", runtimeInSeconds: "x" }],
      "1:54 runtimeInSeconds must be a number of 0 or more",
    ],
    ["no name", [{}], "1:25 This task has neither id nor name"],
    ["no tasks", [], "1:24 There are no tasks here"],
  ])("%s is a fault", (_what, tasks, fault) => {
    expect(faultsOf(`{"workflow": {"tasks": ${json(tasks)}}}`, "w.json")[0]).toContain(fault);
  });
});

it("what is converted gives the same plan", () => {
  const text = "export A=1\na: in\n\techo {{i}} \\$A > a\nb: a\n\tcat a\n";
  const converted = convertWorkflow(Buffer.from(text), "w.mf", contextOf());
  if (converted.type === "invalid") throw new Error("the file is invalid");
  const again = compileWorkflow(Buffer.from(json(converted.value)), "w.json", { capacity: null });
  if (again.type === "invalid") throw new Error("the document is invalid");
  const tasks = tasksOf(text, "w.mf");
  expect([0, 1].map((task) => again.plan.resolve(task))).toMatchObject(
    [...tasks.values()].map(({ name, command, env }) => ({ name, command, env })),
  );
});

it("numbers of YAML are converted as they are written", () => {
  const converted = convertWorkflow(
    Buffer.from("- {name: a, command: [x, 1.10, 0x1F, 2]}"),
    "w.yaml",
    contextOf(),
  );
  expect(converted).toEqual({ type: "document", value: [{ name: "a", command: ["x", "1.10", 31, 2] }] });
});
