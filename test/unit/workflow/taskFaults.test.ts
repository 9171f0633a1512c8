import { describe, expect, it } from "vitest";
import { faultsOf, task } from "./compiling.ts";

const faults: readonly (readonly [what: string, text: string, fault: string])[] = [
  ["no name", "- command: x", "1:3 Task number 1 has no name: give it one that no other task has."],
  [
    "a number as name",
    "- name: 1\n  command: x",
    "1:9 name must be text, found the number 1: put it in quotes.",
  ],
  [
    "an empty name",
    "- name: ''\n  command: x",
    '1:9 The name "" is empty: give the task one that no other task has.',
  ],
  [
    "a line break in a name",
    '- name: "a\\nb"\n  command: x',
    '1:9 The name "a\\nb" has a line break or another control character: a name is one line of printable text.',
  ],
  [
    "an escape in a name",
    '- name: "a\\eb"\n  command: x',
    '1:9 The name "a\\u001bb" has a line break or another control character: a name is one line of printable text.',
  ],
  [
    "a space at the end of a name",
    '- name: "a "\n  command: x',
    '1:9 The name "a " begins or ends with a space: take the space out.',
  ],
  [
    "a name like an element",
    "- name: a[3]\n  command: x",
    '1:9 The name "a[3]" ends like the name of an array element: leave the [number] out, or use foreach.',
  ],
  [
    "a placeholder in a name",
    "- name: 'a{{i}}'\n  command: x\n  foreach: {i: [1]}",
    '1:9 The name "a{{i}}" has a placeholder, which names do not take: the elements of an array are called name[1], name[2], and so on.',
  ],
  [
    "a name that is taken",
    "- name: a\n  command: x\n- name: a\n  command: y\n",
    '3:9 The name "a" is taken by the task on line 1: give each task its own.',
  ],
  ["retries", task("retries: 3"), '3:3 Unknown key "retries" in a task. Did you mean "retry"?'],
  ["env of a task", task("env: {A: b}"), '3:3 Unknown key "env" in a task. Did you mean "params.env"?'],
  [
    "what holds for the job",
    task("maxRunning: 2"),
    "3:3 maxRunning holds for the whole job: write it at the top of the document, beside tasks.",
  ],
  ["an image", task("image: x"), '3:3 This version does not support "image" yet: leave it out.'],
  [
    "an image in the defaults",
    "defaults: {image: x}\ntasks: [{name: a, command: x}]",
    '1:12 This version does not support "image" yet: leave it out.',
  ],
  ["no command", "- name: a", '1:3 The task "a" has no command: say what to run.'],
  ["an empty command", "- name: a\n  command: ' '", "2:12 The command is empty: say what to run."],
  [
    "an empty list as command",
    "- name: a\n  command: []",
    "2:12 The command is empty: the first of the list must be the program to run.",
  ],
  [
    "an object as command",
    "- name: a\n  command: {a: b}",
    "2:12 command must be text for the shell, or a list of a program and its arguments, found an object.",
  ],
  [
    "true as argument",
    "- name: a\n  command: [echo, true]",
    "2:19 Argument 1 of the command must be text or a number, found true: put it in quotes.",
  ],
  [
    "NUL in a command",
    '- name: a\n  command: "a\\0b"',
    "2:12 The command has a NUL character, which no process can be given: take it out.",
  ],
  ["an unknown key", task("timout: 5s"), '3:3 Unknown key "timout" in a task. Did you mean "timeout"?'],
  [
    "a when of other tools",
    task("when: on_failure"),
    '3:9 when must be success, failure or always, found the text "on_failure". Did you mean "failure"?',
  ],
  ["a when that is no text", task("when: true"), "3:9 when must be success, failure or always, found true."],
  [
    "a failure of nothing",
    task("when: failure"),
    "3:9 when: failure needs tasks that can fail: name them in depends.",
  ],
  [
    "a when in the defaults",
    "defaults: {when: always}\ntasks: [{name: a, command: x}]",
    "1:12 defaults cannot have when, which belongs to one task: move it there.",
  ],
  [
    "an empty output",
    task("outputs: [a, '']"),
    "3:16 An entry of outputs is empty: name a file, or take it out.",
  ],
  [
    "outputs of a wrong type",
    task("outputs: {a: b}"),
    "3:12 An entry of outputs must be text, found an object.",
  ],
  [
    "outputs of noop",
    "- name: a\n  executor: noop\n  outputs: a\n",
    "3:12 The executor noop makes no files: leave out outputs, or executor.",
  ],
  [
    "a folder as stdout",
    task("stdout: log/"),
    '3:11 stdout must be the path of a file, found the text "log/".',
  ],
  [
    "one file for all elements",
    "- {name: a, command: x, foreach: {i: [1, 2]}, stdout: log}",
    "1:55 Elements of the array would write into one file: put {{i}} into its name.",
  ],
  [
    "a placeholder of nothing in an output",
    task("outputs: 'x{{i}}'"),
    "3:12 Nothing fills the placeholder {{i}}: the task has no foreach; for the text itself write {{{{i}}}}.",
  ],
  [
    "params of a later version",
    task("params: {image: x}"),
    '3:12 This version does not support "image" yet: leave it out.',
  ],
  [
    "an executor of a later version",
    task("executor: docker"),
    "3:13 This version does not support the executor docker yet: use shell.",
  ],
  [
    "an unknown executor",
    task("executor: bash"),
    '3:13 executor must be shell or noop, found the text "bash".',
  ],
  [
    "a command for noop",
    task("executor: noop"),
    "2:12 The executor noop runs nothing: leave out command, or executor.",
  ],
  ["params of a wrong type", task("params: [a]"), "3:11 params must be an object, found a list."],
  [
    "an unknown param",
    task("params: {workdri: a}"),
    '3:12 Unknown key "workdri" in params. Did you mean "workdir"?',
  ],
  [
    "true as variable",
    task("params: {env: {A: true}}"),
    '3:21 The variable "A" must be text, found true: put it in quotes.',
  ],
  [
    "a variable without value",
    task("params: {env: {A: }}"),
    '3:21 The variable "A" has no value: write "" for empty text.',
  ],
  [
    "a variable of qrew",
    task("params: {env: {QREW_TASK: a}}"),
    '3:18 "QREW_TASK" cannot be a variable of a task: qrew sets it itself.',
  ],
  [
    "a variable with =",
    task("params: {env: {A=B: a}}"),
    '3:18 "A=B" cannot be a variable of a task: its name must not be empty and must not have = or NUL.',
  ],
];

describe("faults of names, commands and params", () => {
  it.each(faults)("%s", (_what, text, fault) => {
    const found = faultsOf(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toBe(fault);
  });
});
