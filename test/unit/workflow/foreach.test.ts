import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileWorkflow } from "../../../src/workflow/compile.ts";
import { usualImport } from "../../../src/workflow/importers/importing.ts";
import { planOf } from "./compiling.ts";

const commandsOf = (document: unknown): readonly unknown[] => {
  const plan = planOf(document);
  return Array.from({ length: plan.graph.taskCount }, (_, task) => plan.resolve(task).command);
};

describe("several variables", () => {
  it("are multiplied, the last one changes fastest", () => {
    const foreach = { i: { range: [1, 2] }, part: ["a", "b"], k: { range: [9, 5, -2] } };
    expect(commandsOf([{ name: "x", command: "{{i}}{{part}}{{k}} {{ k }}", foreach }])).toEqual([
      "1a9 9",
      "1a7 7",
      "1a5 5",
      "1b9 9",
      "1b7 7",
      "1b5 5",
      "2a9 9",
      "2a7 7",
      "2a5 5",
      "2b9 9",
      "2b7 7",
      "2b5 5",
    ]);
  });

  it("are the digits of the position, whatever they are", () => {
    const axes = fc.array(fc.array(fc.string({ unit: "grapheme-ascii" }), { minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(axes, (lists) => {
        const foreach = Object.fromEntries(lists.map((values, at) => [`v${at}`, values]));
        const command = ["x", ...lists.map((_, at) => `{{v${at}}}`)];
        const product = lists.reduce<string[][]>(
          (rows, values) => rows.flatMap((row) => values.map((value) => [...row, value])),
          [["x"]],
        );
        expect(commandsOf([{ name: "a", command, foreach }])).toEqual(product);
      }),
    );
  });

  it("give elements their own resources and files, and a name by their position", () => {
    const plan = planOf([
      {
        name: "x",
        command: "c",
        foreach: { n: [1, 2], t: ["1s", "2s"] },
        resources: { cpus: "{{n}}" },
        timeout: "{{t}}",
        stdout: "{{n}}/{{t}}",
      },
    ]);
    expect(plan.taskName(2)).toBe("x[3]");
    expect(plan.streamFile(2, "stdout")).toBe("2/1s");
    const classes = plan.graph.elementClasses.get(0) ?? [];
    expect([...classes].map((number) => plan.graph.classes[number])).toMatchObject([
      { resources: { cpusMilli: 1000 }, timeoutMs: 1000 },
      { resources: { cpusMilli: 1000 }, timeoutMs: 2000 },
      { resources: { cpusMilli: 2000 }, timeoutMs: 1000 },
      { resources: { cpusMilli: 2000 }, timeoutMs: 2000 },
    ]);
  });
});

describe("lines of a file", () => {
  const contents: Readonly<Record<string, Uint8Array | null>> = {
    "list.txt": Buffer.from("\ufeffa b\r\n\nc\n  \nit's"),
    "empty.txt": Buffer.from("\n\n"),
    "latin.txt": Buffer.from([0xe9, 0x0a]),
    "nul.txt": Buffer.from("a\0b"),
    folder: null,
  };
  const compile = (file: unknown) => {
    const document = [{ name: "x", command: ["wc", "{{f}}"], foreach: { f: { lines: file } } }];
    return compileWorkflow(Buffer.from(JSON.stringify(document)), "w.json", {
      capacity: null,
      imports: {
        ...usualImport,
        environment: {},
        files: {
          exists: (name) => Object.hasOwn(contents, name),
          list: () => null,
          read: (name) => contents[name] ?? null,
        },
        replayCommand: [],
      },
    });
  };

  it("are the values, but for empty ones", () => {
    const compiled = compile("list.txt");
    if (compiled.type !== "plan") throw new Error(compiled.faults[0]?.message);
    const { plan } = compiled;
    const values = Array.from({ length: plan.graph.taskCount }, (_, task) => plan.resolve(task).command[1]);
    expect(values).toEqual(["a b", "c", "  ", "it's"]);
  });

  it.each([
    [
      "none.txt",
      'There is no file "none.txt" in the folder in which the job runs: correct the path, or make it first.',
    ],
    ["empty.txt", '"empty.txt" has no lines: the array would be empty.'],
    ["latin.txt", '"latin.txt" is no UTF-8 text: save it as UTF-8.'],
    ["nul.txt", '"nul.txt" is no text, it has a NUL byte at offset 1.'],
    [
      "folder",
      '"folder" cannot be read as a file of at most 268435456 bytes: check its kind and permissions.',
    ],
    [7, "lines must be the path of a file with a value of f on each line, found the number 7."],
  ])("of %j are a fault at its place", (file, message) => {
    const compiled = compile(file);
    const faults = compiled.type === "invalid" ? compiled.faults : [];
    expect(faults.map((fault) => [fault.line, fault.column, fault.message])).toEqual([[1, 63, message]]);
  });
});
