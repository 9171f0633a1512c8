/** JSON documents are read piece by piece: what comes of it is as if they were read at once. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileWorkflow } from "../../../src/workflow/compile.ts";
import { encodePlan } from "../../../src/workflow/encodePlan.ts";

/** Several pieces. */
const TASKS = 700;

const compile = (text: string, source = "w.json") =>
  compileWorkflow(Buffer.from(text), source, { capacity: null });

function planOf(text: string, source?: string): Uint8Array {
  const compiled = compile(text, source);
  if (compiled.type === "invalid") throw new Error(JSON.stringify(compiled.faults));
  return encodePlan(compiled.plan);
}

const messagesOf = (text: string): readonly string[] => {
  const compiled = compile(text);
  return compiled.type === "plan" ? [] : compiled.faults.map(({ message }) => message);
};

/** Each depends on the one before and on the one after next, unless that is too far. */
const entries = (count: number): readonly object[] =>
  Array.from({ length: count }, (_, index) => ({
    name: `t${index}`,
    command: ["run", `[${index}], {"é"`],
    ...(index % 7 === 6
      ? { depends: [`t${index - 1}`, ...(index + 9 < count ? [`t${index + 9}`] : [])] }
      : {}),
    ...(index % 11 === 0 ? { params: { env: { N: String(index % 3) } } } : {}),
    ...(index % 100 === 5 ? { foreach: { i: [1, 2] }, resources: { cpus: 2 } } : {}),
  }));

describe("a document of several pieces", () => {
  const tasks = entries(TASKS);

  it.each([
    ["a list", tasks],
    ["tasks first", { tasks, name: "n", env: { A: "1" } }],
    ["tasks last", { name: "n", defaults: { priority: 3, params: { env: { B: "2" } } }, tasks }],
    ["lists before it", { "x-tasks": [{ tasks: [1] }], tasks, "x-more": { tasks: [[2]] } }],
  ])("has the plan that YAML gives it: %s", (_, document) => {
    for (const indent of [undefined, 2]) {
      const text = JSON.stringify(document, null, indent);
      expect(Buffer.compare(planOf(text), planOf(text, "w.yaml"))).toBe(0);
    }
  });

  it("has its faults told with their lines, wherever they are", () => {
    const wrong = tasks.map((entry, index) => (index === 600 ? { ...entry, depends: ["t9999"] } : entry));
    const compiled = compile(`[\n${wrong.map((entry) => JSON.stringify(entry)).join(",\n")}\n]`);
    expect(compiled).toMatchObject({ type: "invalid", total: 1, faults: [{ line: 602 }] });
  });

  it("is one task of a name, also where a later piece repeats it", () => {
    const wrong = [...tasks, { name: "t3", command: "x" }];
    const [message, ...others] = messagesOf(
      `[\n${wrong.map((entry) => JSON.stringify(entry)).join(",\n")}\n]`,
    );
    expect(message).toContain('The name "t3" is taken by the task on line 5');
    expect(others).toEqual([]);
  });

  it("waits for a name that comes later, and not for one that never does", () => {
    expect(messagesOf(JSON.stringify(entries(20)))).toEqual([]);
    expect(messagesOf('[{"name":"a","command":"x","depends":["b"]}]')).toHaveLength(1);
  });
});

describe("a document that is no JSON", () => {
  const whole = JSON.stringify({ name: "n", tasks: entries(TASKS) });

  it("is told so, and nothing else, wherever it is broken", () => {
    const broken = fc.record({
      at: fc.integer({ min: 0, max: whole.length }),
      cut: fc.integer({ min: 0, max: 2 }),
      put: fc.constantFrom("", ",", "[", "]", "{", "}", '"', ":", "x", ",,", "]}"),
    });
    fc.assert(
      fc.property(broken, ({ at, cut, put }) => {
        const text = whole.slice(0, at) + put + whole.slice(at + cut);
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        const messages = messagesOf(text);
        const toldSo = messages.filter((message) => message.includes("The document is no JSON"));
        expect(toldSo).toHaveLength(isJson ? 0 : 1);
        expect(isJson || messages.length === 1).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it.each(["[,]", '{"tasks":[{"name":"a","command":"x"},]}', '{"tasks":[{"name":"a","command":"x"}}', "[1}"])(
    "%s",
    (text) => {
      expect(messagesOf(text)).toEqual([expect.stringContaining("The document is no JSON")]);
    },
  );

  it("nor is one whose last entry is missing where a piece ends", () => {
    for (const count of [255, 256, 257, 512]) {
      const text = `[${entries(count)
        .map((entry) => JSON.stringify(entry))
        .join(",")},]`;
      expect(messagesOf(text)).toEqual([expect.stringContaining("The document is no JSON")]);
    }
  });
});
