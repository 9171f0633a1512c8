import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { JsonSchema } from "../../support/jsonSchema.ts";
import { faultsOf } from "./compiling.ts";

const file = new URL("../../../src/workflow/workflow.schema.json", import.meta.url);
const schema = new JsonSchema(JSON.parse(readFileSync(file, "utf8")));
const examples = new URL("../../../examples/", import.meta.url);
const names = readdirSync(examples, { recursive: true, encoding: "utf8" }).filter((name) =>
  /\.ya?ml$/.test(name),
);
const reference = readFileSync(new URL("../../../docs/document.md", import.meta.url), "utf8");
const blocks = [...reference.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1] ?? "");

/** Has every field once, each with the kind of value that is most often written. */
const full = {
  $schema: "x",
  "x-anchor": { any: ["thing"] },
  name: "job",
  env: { A: "1", B: 2 },
  maxRunning: 4,
  failFast: true,
  defaults: {
    command: "true {{i}}",
    params: { env: { C: "{{i}}" }, stdin: "text", workdir: "w" },
    outputs: ["a", "b*"],
    stdout: "{{i}}{{j}}.out",
    stderr: "{{i}}{{j}}.err",
    resources: { cpus: 2, memory: "1G", gpus: 0.5, licence: 1 },
    timeout: "10m",
    priority: 5,
    retry: { limit: 3, on: [75, "SIGKILL", "timeout"], backoff: "1s", factor: 2, max: "1m" },
    executor: "shell",
  },
  tasks: [
    {
      name: "array",
      command: ["echo", "{{i}}", 5],
      foreach: { i: { range: [1, 5, 2] }, j: ["a", 1] },
      params: { env: { D: "x" } },
      resources: { cpus: "{{i}}" },
      timeout: "none",
      retry: 2,
    },
    {
      name: "array two",
      foreach: { j: { range: [1, 2] }, i: [1, 2, 3] },
      depends: ["array", { task: "array", same: "index" }],
      when: "failure",
      outputs: "one",
      stdout: "/dev/null",
      stderr: "/dev/null",
    },
    {
      name: "nothing",
      executor: "noop",
      depends: "array",
      when: "always",
      params: {},
      stdout: "s",
      stderr: "s",
      foreach: { i: [1], j: [1] },
    },
  ],
};

/** What a value is replaced by, and `LEFT_OUT`, to take it away. */
const LEFT_OUT = Symbol("left out");
const REPLACEMENTS: readonly unknown[] = [
  LEFT_OUT,
  null,
  true,
  false,
  0,
  -1,
  1.5,
  300,
  99_999_999,
  "",
  " ",
  "text",
  "5",
  "10s",
  "2G",
  "1h5x",
  "SIGKILL",
  "failure",
  "dir/",
  "x\u0007y",
  "name[3]",
  [],
  [null],
  [1],
  ["text"],
  [[]],
  {},
  { unknown: 1 },
  { range: [1, 2] },
  { range: [1, 2, 0] },
  { lines: 5 },
  { limit: 1 },
  { on: 5 },
];

/** Faults that no schema can find, or that a change somewhere else than at its place brings about. */
const BEYOND = [
  /Nothing fills the placeholder/,
  /There is no task/,
  /depends on itself/,
  /same: index (joins|needs)/,
  /The array would have/,
  /is taken by the task/,
  /in a circle/,
  /has no command/,
  /would write into one file/,
  /must be .*, found the text "[^"]*" where i is/,
  /retry has on and no limit/,
  /max of retry must not be shorter/,
  /cannot be looked at here/,
  /The range runs backwards/,
];

type Place = readonly (string | number)[];

function* placesIn(value: unknown, path: Place = []): Generator<Place> {
  if (path.length > 0) yield path;
  if (typeof value !== "object" || value === null) return;
  for (const [key, item] of Object.entries(value))
    yield* placesIn(item, [...path, Array.isArray(value) ? Number(key) : key]);
}

function replaced(value: unknown, [key, ...rest]: Place, by: unknown): unknown {
  if (key === undefined) return by;
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    return items.flatMap((item, at) => (at === key ? kept(replaced(item, rest, by)) : [item]));
  }
  if (typeof value !== "object" || value === null) throw new Error("the path leads nowhere");
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]) =>
      name === key
        ? kept(replaced(item, rest, by)).map((one): [string, unknown] => [name, one])
        : [[name, item]],
    ),
  );
}

const kept = (value: unknown): readonly unknown[] => (value === LEFT_OUT ? [] : [value]);

const faultsIn = (document: unknown): readonly string[] =>
  faultsOf(JSON.stringify(document), "w.json").filter(
    (fault) => !BEYOND.some((beyond) => beyond.test(fault)),
  );

describe("the schema and the validator", () => {
  it("agree on what is right", () => {
    expect(faultsOf(JSON.stringify(full), "w.json")).toEqual([]);
    expect(schema.accepts(full)).toBe(true);
  });

  it.each(names)("agree on examples/%s, which names the schema", (name) => {
    const text = readFileSync(new URL(name, examples), "utf8");
    expect(schema.accepts(parse(text, { merge: true }))).toBe(true);
    const named = /^# yaml-language-server: \$schema=(.*)$/m.exec(text)?.[1] ?? "";
    expect(new URL(named, new URL(name, examples)).href).toBe(file.href);
  });

  it.each(blocks)("agree on a block of docs/document.md: %s", (text) => {
    expect(schema.accepts(parse(text, { merge: true }))).toBe(true);
  });

  it("agree wherever one value is replaced by another", () => {
    const disagreements: string[] = [];
    let refused = 0;
    let accepted = 0;
    for (const path of placesIn(full)) {
      for (const by of REPLACEMENTS) {
        const document = replaced(full, path, by);
        const faults = faultsIn(document);
        const accepts = schema.accepts(document);
        if (faults.length > 0) refused += 1;
        else accepted += 1;
        if (accepts === (faults.length === 0)) continue;
        const what = by === LEFT_OUT ? "left out" : JSON.stringify(by);
        disagreements.push(
          `${path.join(".")} ${what}: schema ${accepts ? "takes" : "refuses"} it, ${faults.join(" ") || "no fault"}`,
        );
      }
    }
    expect(disagreements).toEqual([]);
    expect(Math.min(refused, accepted)).toBeGreaterThan(300);
  });

  it("agree on keys that nobody knows", () => {
    for (const path of [
      [],
      ["defaults"],
      ["defaults", "params"],
      ["defaults", "retry"],
      ["tasks", 0],
      ["tasks", 1, "depends", 1],
    ]) {
      const key = [...path, "unknown"];
      const document = added(full, key);
      expect(faultsIn(document)).toHaveLength(1);
      expect(schema.accepts(document)).toBe(false);
    }
  });
});

function added(value: unknown, [key, ...rest]: Place): unknown {
  if (key === undefined) return 1;
  if (Array.isArray(value)) return value.map((item: unknown, at) => (at === key ? added(item, rest) : item));
  if (typeof value !== "object" || value === null) throw new Error("the path leads nowhere");
  const own = Object.fromEntries(Object.entries(value));
  return { ...own, [key]: added(own[String(key)] ?? null, rest) };
}
