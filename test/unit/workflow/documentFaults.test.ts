import { describe, expect, it } from "vitest";
import { faultsOf } from "./compiling.ts";

/** A fault that ends with a colon goes on with a sentence of the YAML package. */
const faults: readonly (readonly [what: string, text: string, fault: string])[] = [
  [
    "no list and no object",
    "hello",
    'null:null The document is the text "hello": write a list of tasks, or an object with name, env, defaults and tasks.',
  ],
  [
    "no tasks",
    "name: a",
    "null:null The document has no tasks: write a list of tasks, or an object with name, env, defaults and tasks.",
  ],
  ["an empty list", "tasks: []", "1:8 The list of tasks is empty: give at least one task."],
  ["tasks of a wrong type", "name: a\ntasks: {a: b}", "2:8 tasks must be a list of tasks, found an object."],
  [
    "a task of a wrong type",
    "- a\n- name: b\n  command: x\n",
    '1:3 A task must be an object with a name, found the text "a".',
  ],
  [
    "a default that is not shared",
    "defaults: {depends: [a]}\ntasks: [{name: a, command: x}]",
    "1:12 defaults cannot have depends, which belongs to one task: move it there.",
  ],
  [
    "a wrong default, once",
    "defaults: {timeout: x}\ntasks: [{name: a, command: x}, {name: b, command: x, priority: 1}]",
    '1:21 timeout must be a duration such as 500ms, 90s, 10m, 1h30m or 2d (a plain number is seconds), found the text "x".',
  ],
  [
    "a schema that is no text",
    "$schema: 1\ntasks: [{name: a, command: x}]",
    "1:10 $schema must be text, found the number 1.",
  ],
  [
    "maxRunning of none",
    "maxRunning: 0\ntasks: [{name: a, command: x}]",
    "1:13 maxRunning must be a whole number from 1 to 10000000, found the number 0.",
  ],
  [
    "failFast that is text",
    "failFast: 'yes'\ntasks: [{name: a, command: x}]",
    '1:11 failFast must be true or false, found the text "yes".',
  ],
  [
    "a key of the document",
    "task: []\ntasks: [{name: a, command: x}]",
    '1:1 Unknown key "task" in the document. Did you mean "tasks"?',
  ],
  [
    "a key twice",
    "- name: a\n  command: x\n  name: b",
    '3:3 The key "name" is there twice: keep one of them.',
  ],
  [
    "tabs in YAML",
    "tasks:\n\t- name: a\n",
    "2:1 A tab begins this line, and YAML takes only spaces: indent with spaces.",
  ],
  [
    "a script",
    "#!/usr/bin/env bash\n#SBATCH --array=1-10\necho hello: there\n",
    "1:1 This is a script, not a workflow: `qrew run -- ./w.yaml` runs it as a task.",
  ],
  ["YAML that is none", "- name: a\n command: x", "2:1 The document is no YAML: "],
  [
    "two documents",
    "- {name: a, command: x}\n---\n- {name: b, command: x}\n",
    "2:1 A second document begins here: a file has one workflow, split it.",
  ],
  ["an unknown alias", "- *a\n", "1:3 There is no anchor &a that ends before this alias: correct the name."],
  [
    "an alias in its own anchor",
    "tasks: &a [*a]\n",
    "1:12 There is no anchor &a that ends before this alias: correct the name.",
  ],
  [
    "an empty name",
    'name: ""\ntasks: [{name: a, command: x}]',
    "1:7 name is empty: say what the job is called, or leave it out.",
  ],
  [
    "a name of spaces",
    'name: "  "\ntasks: [{name: a, command: x}]',
    "1:7 name is empty: say what the job is called, or leave it out.",
  ],
  ...["\\e[1m", "a\\nb", "a\\u202eb"].map(
    (name) =>
      [
        `a name with ${name}`,
        `name: "${name}"\ntasks: [{name: a, command: x}]`,
        "1:7 name must be one line of printable text, at most 256 characters.",
      ] as const,
  ),
  ["an unknown tag", "- !task {name: a, command: x}\n", "1:3 The document is no YAML: "],
];

describe("faults of the document as a whole", () => {
  it.each(faults)("%s", (_what, text, fault) => {
    const found = faultsOf(text);
    expect(found).toHaveLength(1);
    expect(fault.endsWith(": ") ? found[0]?.slice(0, fault.length) : found[0]).toBe(fault);
  });
});

const QUOTES = 'A value that begins with {{ must be in quotes, all of it, as "{{i}}".';
const COLON = 'Text that holds ": " must be in quotes, or written as a block with | on the lines below.';
const array = (line: string): string => `- name: a\n  foreach: {i: [1]}\n  ${line}\n`;

describe("what YAML makes of values without quotes", () => {
  it.each([
    ["timeout: {{i}}", `3:12 ${QUOTES}`],
    ["command: [echo, {{i}}]", `3:19 ${QUOTES}`],
    ["command: [{{i}}.sh, b]", `3:13 ${QUOTES}`],
    ["command: {{i}}.sh", `3:12 ${QUOTES}`],
    ["command: {{ i }}/run.sh -a", `3:12 ${QUOTES.replace("{{i}}", "{{ i }}")}`],
    ["command: {{i}} {{i}}", `3:12 ${QUOTES}`],
    ["params: {env: {A: {{i}}, B: x}}", `3:21 ${QUOTES}`],
    ["command:\n    - echo\n    - {{i}}.sh", `5:7 ${QUOTES}`],
    ["command: echo a: b", `3:12 ${COLON}`],
    ["command: bash -c 'a: b: c'", `3:12 ${COLON}`],
    ["command: echo a:", `3:12 ${COLON}`],
    ["<<: {a: b: c}", `3:11 ${COLON}`],
  ])("%s", (line, fault) => {
    expect(faultsOf(array(line))).toEqual([fault]);
  });

  it("of other faults says what the YAML package says", () => {
    expect(faultsOf(array("command: 'a' b"))).toEqual([
      "3:16 The document is no YAML: Unexpected scalar at node end.",
    ]);
    expect(faultsOf(array("command: x\n    timeout: 5"))[0]).toContain("The document is no YAML");
  });
});
