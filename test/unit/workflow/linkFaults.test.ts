import { describe, expect, it } from "vitest";
import { faultsOf, task } from "./compiling.ts";

const faults: readonly (readonly [what: string, text: string, fault: string])[] = [
  [
    "an unknown dependency",
    "- {name: align, command: x}\n- name: b\n  command: y\n  depends: [algin]\n",
    '4:13 There is no task "algin": did you mean "align"?',
  ],
  [
    "an unknown dependency like none",
    "- name: b\n  command: y\n  depends: [prepare]\n",
    '3:13 There is no task "prepare": add it, or take the dependency out.',
  ],
  [
    "an unknown dependency that is like the task itself",
    "- {name: align, command: x}\n- {name: part2, command: x, depends: part3}\n",
    '2:38 There is no task "part3": add it, or take the dependency out.',
  ],
  [
    "an unknown dependency of one letter",
    "- {name: a, command: x}\n- {name: work, command: x, depends: b}\n",
    '2:37 There is no task "b": add it, or take the dependency out.',
  ],
  [
    "a single element",
    "- {name: a, command: x, foreach: {i: [1, 2]}}\n- name: b\n  command: y\n  depends: a[1]\n",
    '4:12 A task cannot wait for the single element "a[1]": depend on "a", or use same: index.',
  ],
  ["a task that waits for itself", task("depends: a"), '3:12 The task "a" depends on itself: take this out.'],
  [
    "a number as dependency",
    task("depends: [1]"),
    "3:13 A dependency must be text, found the number 1: write the name of a task, or {task: name, same: index}.",
  ],
  [
    "an unknown key in a dependency",
    task("depends: [{task: b, some: index}]"),
    '3:23 Unknown key "some" in a dependency: write the name of a task, or {task: name, same: index}.',
  ],
  [
    "same of something else",
    "- {name: b, command: x}\n- name: a\n  command: x\n  depends: [{task: b, same: name}]\n",
    '4:29 same must be index, found the text "name": write the name of a task, or {task: name, same: index}.',
  ],
  [
    "same on a single task",
    "- {name: b, command: x}\n- name: a\n  command: x\n  foreach: {i: [1]}\n  depends: [{task: b, same: index}]\n",
    '5:13 same: index joins two arrays, but "b" has no foreach: name the task alone.',
  ],
  [
    "same on other sizes",
    "- {name: b, command: x, foreach: {i: [1, 2, 3]}}\n- name: a\n  command: x\n  foreach: {i: [1]}\n  depends: [{task: b, same: index}]\n",
    '5:13 same: index needs arrays of one size, but this one has 1 elements and "b" has 3.',
  ],
  [
    "a cycle",
    "- {name: a, command: x, depends: [c]}\n- {name: b, command: x, depends: [a]}\n- {name: c, command: x, depends: [b]}\n",
    '1:34 These tasks wait for each other in a circle, each for the next: "a" → "c" → "b" → "a". Take one of these dependencies out.',
  ],
  [
    "a placeholder that nothing fills",
    "- name: a\n  command: echo {{i}}",
    "2:12 Nothing fills the placeholder {{i}}: the task has no foreach; for the text itself write {{{{i}}}}.",
  ],
  [
    "a placeholder of another axis",
    "- name: a\n  command: echo {{j}}\n  foreach: {i: [1]}",
    "2:12 Nothing fills the placeholder {{j}}: its foreach has i.",
  ],
  [
    "a placeholder in resources",
    task('resources: {cpus: "{{n}}"}'),
    "3:21 Nothing fills the placeholder {{n}}: the task has no foreach; for the text itself write {{{{n}}}}.",
  ],
  [
    "a placeholder in env",
    "env: {A: '{{i}}'}\ntasks:\n- {name: a, command: x}",
    "1:10 Nothing fills {{i}} here: only params.env of a task is filled.",
  ],
  [
    "a bad value of one element",
    "- name: a\n  command: x\n  foreach: {t: [5s, 5x, 6x]}\n  timeout: '{{t}}'",
    '4:12 timeout must be a duration such as 500ms, 90s, 10m, 1h30m or 2d (a plain number is seconds), found the text "5x" where t is "5x".',
  ],
  [
    "an empty foreach",
    task("foreach: {}"),
    "3:12 foreach is empty: write {i: {range: [1, 300]}}, {part: [a, b]} or {file: {lines: list.txt}}.",
  ],
  [
    "a product of too many elements",
    task("foreach: {i: {range: [1, 5000]}, j: {range: [1, 5000]}}"),
    "3:12 The array would have 25000000 elements, a job has at most 10000000 tasks: split it into several workflows.",
  ],
  [
    "a wrong value in a matrix",
    "- name: a\n  command: x\n  foreach: {t: [5s, 6s], u: [m, n]}\n  timeout: '{{t}}{{u}}'",
    '4:12 timeout must be a duration such as 500ms, 90s, 10m, 1h30m or 2d (a plain number is seconds), found the text "5sm" where t is "5s" and u is "m".',
  ],
  [
    "a placeholder that no variable of a matrix fills",
    "- name: a\n  command: echo {{k}}\n  foreach: {i: [1], j: [1]}",
    "2:12 Nothing fills the placeholder {{k}}: its foreach has i, j.",
  ],
  [
    "a file for elements of a matrix that differ",
    "- name: a\n  command: x\n  foreach: {i: [1, 2], j: [1, 2]}\n  stdout: '{{i}}'",
    "4:11 Elements of the array would write into one file: put {{j}} into its name.",
  ],
  [
    "a name of a variable",
    task("foreach: {1i: [1]}"),
    '3:13 "1i" cannot be the name of a variable: use letters, digits and _, and begin with no digit.',
  ],
  [
    "lines where nothing is known of files",
    task("foreach: {f: {lines: x}}"),
    '3:24 The file "x" cannot be looked at here: submit the workflow, or list its lines.',
  ],
  [
    "an unknown form of foreach",
    task("foreach: {i: {glob: x}}"),
    '3:17 foreach has no form "glob": write {i: {range: [1, 300]}}, {part: [a, b]} or {file: {lines: list.txt}}.',
  ],
  [
    "a list of no values",
    task("foreach: {i: []}"),
    "3:16 The list of values of i is empty: give at least one value.",
  ],
  [
    "true as a value",
    task("foreach: {i: [true]}"),
    "3:17 A value of i must be text or a number, found true: put it in quotes.",
  ],
  [
    "a range backwards",
    task("foreach: {i: {range: [3, 1]}}"),
    "3:24 The range runs backwards, from 3 to 1 in steps of 1: write [1, 3], or give a negative step.",
  ],
  [
    "a step of 0",
    task("foreach: {i: {range: [1, 3, 0]}}"),
    "3:31 The step of a range cannot be 0: leave it out for 1.",
  ],
  [
    "a range of text",
    task("foreach: {i: {range: [a, b]}}"),
    "3:24 range must be [first, last] or [first, last, step], all whole numbers, found a list.",
  ],
  [
    "an array too large",
    task("foreach: {i: {range: [1, 10000001]}}"),
    "3:24 The array would have 10000001 elements, a job has at most 10000000 tasks: split it into several workflows.",
  ],
  [
    "too many tasks",
    "- {name: a, executor: noop, foreach: {i: {range: [1, 9999999]}}}\n- {name: b, executor: noop}\n- {name: c, executor: noop}\n",
    "3:3 There are 10000001 tasks up to here, a job has at most 10000000: split it into several workflows.",
  ],
];

describe("faults of dependencies, placeholders and arrays", () => {
  it.each(faults)("%s", (_what, text, fault) => {
    const found = faultsOf(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toBe(fault);
  });
});
