import { describe, expect, it } from "vitest";
import { faultsOf, task } from "./compiling.ts";

const faults: readonly (readonly [what: string, text: string, fault: string])[] = [
  [
    "a bad duration",
    task("timeout: 5x"),
    '3:12 timeout must be a duration such as 500ms, 90s, 10m, 1h30m or 2d (a plain number is seconds), found the text "5x".',
  ],
  [
    "a word in retry on",
    task("retry: {limit: 1, on: [3, segv]}"),
    '3:25 on of retry must have exit codes from 1 to 255, names of signals such as SIGKILL, timeout or outputs, found the text "segv". Did you mean "SIGSEGV"?',
  ],
  [
    "exit code 0 in retry on",
    task("retry: {limit: 1, on: 0}"),
    "3:25 on of retry must have exit codes from 1 to 255, names of signals such as SIGKILL, timeout or outputs, found the number 0.",
  ],
  [
    "nothing in retry on",
    task("retry: {limit: 1, on: []}"),
    "3:25 on of retry is empty: name at least one exit code, or leave it out.",
  ],
  [
    "retry on without a limit",
    task("retry: {on: 3}"),
    "3:15 retry has on and no limit: say how many repetitions there may be.",
  ],
  ["no time", task("timeout: 0"), "3:12 timeout must be a duration of at least 1ms, found the number 0."],
  [
    "a negative duration",
    task("timeout: -5"),
    "3:12 timeout must be a duration of at least 1ms, found the number -5.",
  ],
  [
    "a priority with a fraction",
    task("priority: 1.5"),
    "3:13 priority must be a whole number from -1000 to 1000, found the number 1.5.",
  ],
  [
    "a priority too high",
    task("priority: 1001"),
    "3:13 priority must be a whole number from -1000 to 1000, found the number 1001.",
  ],
  ["bad resources", task("resources: 4"), "3:14 resources must be an object, found the number 4."],
  [
    "negative cpus",
    task("resources: {cpus: -1}"),
    "3:21 cpus must be a number of 0 or more, found the number -1.",
  ],
  [
    "cpus with four decimals",
    task("resources: {cpus: 0.1234}"),
    "3:21 cpus must be a number with at most three decimals, found the number 0.1234.",
  ],
  ["infinite cpus", task("resources: {cpus: .inf}"), "3:21 cpus must be a number, found the number .inf."],
  [
    "a bad size",
    task("resources: {memory: 5X}"),
    '3:23 memory must be a size such as 512M, 2G or 1.5Gi (a plain number is bytes), found the text "5X".',
  ],
  [
    "a bad named resource",
    task("resources: {licence: many}"),
    '3:24 The resource "licence" must be a number, found the text "many".',
  ],
  ...[
    ["mem", "3G", "memory"],
    ["ram", "2Gi", "memory"],
    ["memry", "2Gi", "memory"],
    ["cores", "all", "cpus"],
    ["CPU", "all", "cpus"],
    ["gpu", "any", "gpus"],
  ].map(
    ([name = "", amount = "", meant = ""]) =>
      [
        `${name} for ${meant}`,
        task(`resources: {${name}: ${amount}}`),
        `3:${16 + name.length + 1} The resource "${name}" must be a number, found the text "${amount}". Did you mean "${meant}"?`,
      ] as const,
  ),
  [
    "a bad name of a resource",
    task("resources: {a b: 1}"),
    '3:20 "a b" cannot be the name of a resource: use letters, digits, _ . - only.',
  ],
  [
    "an unknown key of retry",
    task("retry: {limits: 1}"),
    '3:11 Unknown key "limits" in retry. Did you mean "limit"?',
  ],
  [
    "too many repetitions",
    task("retry: 1001"),
    "3:10 limit of retry must be a whole number from 0 to 1000, found the number 1001.",
  ],
  [
    "a shrinking backoff",
    task("retry: {limit: 1, factor: 0.5}"),
    "3:29 factor of retry must be a number from 1 to 100, found the number 0.5.",
  ],
  [
    "a maximum below the backoff",
    task("retry: {limit: 1, backoff: 10s, max: 5s}"),
    "3:40 max of retry must not be shorter than its backoff.",
  ],
];

describe("faults of resources, times and repetitions", () => {
  it.each(faults)("%s", (_what, text, fault) => {
    const found = faultsOf(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toBe(fault);
  });
});
