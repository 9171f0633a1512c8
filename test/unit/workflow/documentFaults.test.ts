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
    "a key of the document",
    "task: []\ntasks: [{name: a, command: x}]",
    '1:1 Unknown key "task" in the document. Did you mean "tasks"?',
  ],
  [
    "a key twice",
    "- name: a\n  command: x\n  name: b",
    '3:3 The key "name" is there twice: keep one of them.',
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
  ["an unknown tag", "- !task {name: a, command: x}\n", "1:3 The document is no YAML: "],
];

describe("faults of the document as a whole", () => {
  it.each(faults)("%s", (_what, text, fault) => {
    const found = faultsOf(text);
    expect(found).toHaveLength(1);
    expect(fault.endsWith(": ") ? found[0]?.slice(0, fault.length) : found[0]).toBe(fault);
  });
});
