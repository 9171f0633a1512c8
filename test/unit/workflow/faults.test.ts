import { describe, expect, it } from "vitest";
import { DOCUMENT_FAULTS_MAX } from "../../../protocol/clientLink.ts";
import { compileText, faultsOf, node, task } from "./compiling.ts";

const json: readonly (readonly [what: string, text: string, faults: readonly string[]])[] = [
  [
    "an unknown key",
    '[\n  {"name": "a",\n   "comand": "x"}\n]',
    [
      '2:3 The task "a" has no command: say what to run.',
      '3:4 Unknown key "comand" in a task. Did you mean "command"?',
    ],
  ],
  [
    "a wrong type deep down",
    '{"tasks": [\n {"name": "a", "command": "x",\n  "resources": {"cpus": "many"}}]}',
    ['3:25 cpus must be a number, found the text "many".'],
  ],
  [
    "an unknown dependency",
    '[{"name": "a", "command": "x"},\n {"name": "b", "command": "x", "depends": ["a", "aa"]}]',
    ['2:49 There is no task "aa": did you mean "a"?'],
  ],
  [
    "a name that is taken",
    '[{"name": "a", "command": "x"},\n\n {"name": "a", "command": "x"}]',
    ['3:11 The name "a" is taken by the task on line 1: give each task its own.'],
  ],
  [
    "a key twice",
    '[{"name": "a", "command": "x",\n "command": "y"}]',
    ["2:2 This key is there twice: keep one of them."],
  ],
  [
    "half of a surrogate pair",
    '[{"name": "a", "command": "\\ud800"}]',
    ["1:27 The command has half of a surrogate pair: take it out."],
  ],
  [
    "a comma too many",
    '[{"name": "a", "command": "x"},\n]',
    ["2:1 The document is no JSON: a value is missing here (or a comma is too many)."],
  ],
  [
    "a comma too few",
    '[{"name": "a"\n "command": "x"}]',
    ["2:2 The document is no JSON: a comma is missing here."],
  ],
  [
    "a comment",
    "[ // no\n]",
    ["1:3 The document is no JSON: JSON has no comments: take this out, or write YAML."],
  ],
  ["an end too early", '[{"name": "a"', ["1:14 The document is no JSON: a closing } is missing here."]],
  [
    "a text too long",
    '[{"name": "a\n"}]',
    ["1:11 The document is no JSON: the text that begins here does not end on its line."],
  ],
];

describe("faults", () => {
  it.each(json)("JSON: %s", (_what, text, faults) => {
    expect(faultsOf(text, "w.json")).toEqual(faults);
  });

  it("are all told at once, in the order of the document", () => {
    const text =
      "- {name: a, command: '', depends: [zz]}\n- {name: a, comand: x}\n- {name: c, command: x, timeout: -1}\n";
    expect(faultsOf(text).map((fault) => fault.split(" ")[0])).toEqual([
      "1:22",
      "1:36",
      "2:3",
      "2:10",
      "2:13",
      "3:34",
    ]);
  });

  it("beyond a number are counted, not listed", () => {
    const tasks = Array.from({ length: 5000 }, (_, index) => ({
      name: `t${index}`,
      command: "x",
      nonsense: 1,
    }));
    const compiled = compileText(JSON.stringify(tasks), "w.json");
    if (compiled.type !== "invalid") throw new Error("the document is valid");
    expect(compiled.total).toBe(5000);
    expect(compiled.faults).toHaveLength(DOCUMENT_FAULTS_MAX);
  });

  it("tell each of two cycles", () => {
    const task = (name: string, depends: string) => ({ name, depends, command: "x" });
    const tasks = [task("a", "b"), task("b", "a"), task("c", "d"), task("d", "c"), task("e", "a")];
    expect(
      faultsOf(JSON.stringify(tasks), "w.json").map((fault) => fault.match(/: ("a|"c).*?\./)?.[0]),
    ).toEqual([': "a" → "b" → "a".', ': "c" → "d" → "c".']);
  });

  it("stand where an alias or a merge key has the text", () => {
    const text = "x-a: &a {timeout: never}\ntasks:\n- {name: a, command: x, <<: *a}\n";
    expect(faultsOf(text)[0]).toMatch(/^1:19 timeout must be/);
  });
});

describe("bounds", () => {
  const shell = { name: "a", command: "x" };

  it.each([
    ["an argument", { ...shell, command: "x".repeat(131_072) }, "more than 131071 bytes"],
    [
      "all arguments",
      { ...shell, command: Array(11).fill("x".repeat(100_000)) },
      "The arguments have 1100011 bytes",
    ],
    [
      "an environment",
      { ...shell, params: { env: { A: "x".repeat(600_000), B: "x".repeat(600_000) } } },
      "env has more",
    ],
    ["stdin", { ...shell, params: { stdin: "ü".repeat(600_000) } }, "stdin has more than 1048576 bytes"],
    ["a path", { ...shell, params: { workdir: "x".repeat(4096) } }, "workdir has more than 4095 bytes"],
    ["a name", { ...shell, name: "x".repeat(257) }, "longer than 256 characters"],
    [
      "what placeholders grow to",
      { ...shell, command: "{{i}}".repeat(2000), foreach: { i: ["x".repeat(1000)] } },
      "would exceed 1 MiB",
    ],
    [
      "kinds of tasks",
      { ...shell, foreach: { i: { range: [1, 100_001] } }, timeout: "{{i}}" },
      "More than 100000 tasks differ",
    ],
    [
      "named resources",
      { ...shell, resources: Object.fromEntries(Array.from("abcdefghijklmnopq", (name) => [name, 1])) },
      "at most 16",
    ],
  ])("%s", (_what, task, fault) => {
    const faults = faultsOf(JSON.stringify([task]), "w.json");
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(fault);
  });
});

describe("what a node can never offer", () => {
  const wants = (resources: string): readonly string[] =>
    faultsOf(task(`resources: {${resources}}`), "w.yaml", node);

  it.each([
    [
      "cpus: 17",
      "3:21 The task needs 17 cpus, but this node has 16: ask for less, or start the daemon with more (`qrew daemon start --help`).",
    ],
    [
      "memory: 9G",
      "3:23 The task needs 9216M of memory, but this node has 8192M: ask for less, or start the daemon with more (`qrew daemon start --help`).",
    ],
    [
      "gpus: 1",
      "3:21 The task needs 1 gpus, but this node has 0: ask for less, or start the daemon with more (`qrew daemon start --help`).",
    ],
    [
      "licence: 3",
      '3:24 The task needs 3 of "licence", but this node has 2: ask for less, or start the daemon with more (`qrew daemon start --help`).',
    ],
    [
      "license: 1",
      '3:24 This node offers no resource "license", so the task could never run. Did you mean "licence"?',
    ],
    [
      "cores: 1",
      '3:22 This node offers no resource "cores", so the task could never run. Did you mean "cpus"?',
    ],
    [
      "tape: 1.5",
      '3:21 This node offers no resource "tape", so the task could never run. Offer it with `qrew daemon start --resource tape=1.5`.',
    ],
  ])("%s", (resources, fault) => {
    expect(wants(resources)).toEqual([fault]);
  });

  it("what it can is no fault", () => {
    expect(wants("cpus: 16, memory: 8G, licence: 2")).toEqual([]);
  });

  it("the cpu that a task has by default is told once", () => {
    const text = "- {name: a, command: x}\n- {name: b, command: x, priority: 1}\n";
    expect(faultsOf(text, "w.yaml", { ...node, cpusMilli: 500 })).toHaveLength(1);
  });
});
