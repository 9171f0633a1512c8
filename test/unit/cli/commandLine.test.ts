import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ArgumentList, splitCommand } from "../../../src/cli/commandLine/argumentLists.ts";
import { commandDocument } from "../../../src/cli/commandLine/commandDocument.ts";
import { fillShellText, fillWord, parseTemplate } from "../../../src/cli/commandLine/template.ts";
import { readRequest, requestedWork } from "../../../src/cli/commandLine/work.ts";
import { usualImport } from "../../../src/workflow/importers/importing.ts";
import { compileWorkflow } from "../../../src/workflow/compile.ts";
import { type DocumentBytes, streamOf } from "../../../src/client/submit.ts";
import type { Plan } from "../../../src/workflow/plan.ts";
import { makeHome, type TestHome } from "../client/fakeManager.ts";

const error = (code: string, text: string): unknown =>
  expect.objectContaining({ code, message: containing(text) });
const containing = (text: string): unknown => expect.stringContaining(text);

let home: TestHome;
beforeAll(() => {
  home = makeHome();
});
afterAll(() => home.remove());

const fileOf = (name: string, content: string | Uint8Array): string => {
  const file = path.join(home.folder, name);
  writeFileSync(file, content);
  return file;
};

async function wholeText(document: DocumentBytes): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of streamOf(document)) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
}

/** The plan of what stands after `--`. */
async function planOf(
  after: readonly string[],
  lists: readonly ArgumentList[] = [],
  stdin = "",
): Promise<Plan> {
  const split = splitCommand(after);
  const line = {
    words: split.words,
    lists: [...lists, ...split.lists],
    separator: "\n",
    stdin: Readable.from([Buffer.from(stdin)]),
  } as const;
  const document = await commandDocument(line, { job: { name: "job" }, task: {} });
  const compiled = compileWorkflow(Buffer.from(await wholeText(document)), "x (command line)", {
    capacity: null,
    imports: { ...usualImport, format: "qrew", environment: {}, files: noFiles, replayCommand: [] },
  });
  if (compiled.type !== "plan") throw new Error(JSON.stringify(compiled.faults));
  return compiled.plan;
}
const noFiles = { read: () => null, list: () => null, exists: () => false };

async function commandsOf(
  ...args: Parameters<typeof planOf>
): Promise<readonly (string | readonly string[])[]> {
  const plan = await planOf(...args);
  return Array.from({ length: plan.graph.taskCount }, (_, task) => plan.resolve(task).command);
}

describe("placeholders", () => {
  const inputs = { number: 7, values: ["dir/sub/a b.tar.gz", "x.y"] };

  it.each([
    ["{}", "dir/sub/a b.tar.gz x.y"],
    ["{1}", "dir/sub/a b.tar.gz"],
    ["{.}", "dir/sub/a b.tar x"],
    ["{1.}", "dir/sub/a b.tar"],
    ["{1/}", "a b.tar.gz"],
    ["{1//}", "dir/sub"],
    ["{1/.}", "a b.tar"],
    ["{2//}", "."],
    ["{#}", "7"],
    ["-o{2.}.o:{#}", "-ox.o:7"],
    ["{3}", "{3}"],
    ["{a}", "{a}"],
    ["[0-9]{0}", "[0-9]{0}"],
    ["{{1}}", "{dir/sub/a b.tar.gz}"],
  ])("%s is %s", (text, filled) => {
    expect(fillWord(parseTemplate(text, 2), inputs).join(" ")).toBe(filled);
  });

  it.each([
    ["/a", "/"],
    ["a/", "."],
    ["a//b", "a"],
    ["/a/b/", "/a"],
    ["", "."],
    ["/", "/"],
  ])("the folder of %j is %j", (value, folder) => {
    expect(fillWord(parseTemplate("{//}", 1), { number: 1, values: [value] })).toEqual([folder]);
  });

  it.each(["", "a b", "it's", "$HOME `x` \\", "two\nlines", "*?[]~!#", "-n", 'a"b'])(
    "%j reaches a program through a shell as it is",
    (value) => {
      const text = fillShellText(parseTemplate("printf '%s|' {} {.}", 1), { number: 1, values: [value] });
      const { stdout } = spawnSync("/bin/sh", ["-c", text], { encoding: "utf8" });
      expect(stdout.startsWith(`${value}|`)).toBe(true);
    },
  );
});

describe("the command", () => {
  it.each([
    [["make", "-C", "a b"], [["make", "-C", "a b"]]],
    [["make"], [["make"]]],
    [["echo a > b"], ["echo a > b"]],
    [["echo", "{{x}}", "{}"], [["echo", "{{x}}", "{}"]]],
    [
      ["gzip", "-k", "{}", ":::", "a", "b c"],
      [
        ["gzip", "-k", "a"],
        ["gzip", "-k", "b c"],
      ],
    ],
    [
      ["gzip", ":::", "a", "b"],
      [
        ["gzip", "a"],
        ["gzip", "b"],
      ],
    ],
    [["gzip", "-k", ":::", "a"], [["gzip", "-k", "a"]]],
    [
      ["./{}", ":::", "a", "b"],
      [["./a"], ["./b"]],
    ],
    [["cp", "{.}.c", "x{.}", ":::", "a.h"], [["cp", "a.c", "xa"]]],
    [
      ["cp", "{}", "{.}.o", ":::", "a b.c", "d.c"],
      ["exec cp 'a b.c' 'a b.o'", "exec cp d.c d.o"],
    ],
    [["echo {{arg}} {}", ":::", "a"], ["echo {{arg}} a"]],
    [["echo", "{{arg}}", "{}", ":::", "{{arg}}"], [["echo", "{{arg}}", "{{arg}}"]]],
    [["wc -l", ":::", "a b"], ["wc -l 'a b'"]],
    [["wc -l < {} > {.}.n", ":::", "it's.c"], [`wc -l < 'it'\\''s.c' > 'it'\\''s'.n`]],
    [
      ["echo", "{#}", ":::", "a", "b"],
      [
        ["echo", "1"],
        ["echo", "2"],
      ],
    ],
    [["{}", ":::", "date"], [["date"]]],
    [
      [":::", "echo $HOME", "exit 3"],
      ["echo $HOME", "exit 3"],
    ],
    [
      ["echo", ":::", "a", "b", ":::", "1", "2"],
      ["exec echo a 1", "exec echo a 2", "exec echo b 1", "exec echo b 2"],
    ],
    [
      ["echo", "{2}", ":::", "a", "b", ":::", "1"],
      [
        ["echo", "1"],
        ["echo", "1"],
      ],
    ],
  ])("%j", async (after, commands) => {
    expect(await commandsOf(after)).toEqual(commands);
  });

  it("of lines is executed for each that is not empty", async () => {
    const file = fileOf("list", "a\r\n\nb c\nlast");
    expect(await commandsOf(["echo"], [{ type: "lines", file }])).toEqual([
      ["echo", "a"],
      ["echo", "b c"],
      ["echo", "last"],
    ]);
    expect(await commandsOf(["echo", "::::", file, ":::", "x"])).toHaveLength(3);
    expect(await commandsOf([], [{ type: "lines", file: "-" }], "date\nexit 1")).toEqual(["date", "exit 1"]);
  });

  it("has one element for each, under the name of its program", async () => {
    const work = await requestedWork(
      { type: "command", words: ["/usr/bin/gzip", "-k"], lists: [{ type: "words", words: ["a", "b"] }] },
      { cpus: "0.5", memory: "1G", retries: "2", timeout: "10m", jobs: "3" },
    );
    const document: unknown = JSON.parse(await wholeText(work.document));
    expect(document).toEqual({
      name: "gzip",
      maxRunning: 3,
      tasks: [
        {
          name: "gzip",
          command: ["/usr/bin/gzip", "-k", "{{arg}}"],
          resources: { cpus: 0.5, memory: "1G" },
          retry: 2,
          timeout: "10m",
          foreach: { arg: ["a", "b"] },
        },
      ],
    });
    expect(work.source).toBe("/usr/bin/gzip -k (command line)");
  });

  it.each([
    [["a; b"], "a"],
    [["$X/bin"], "bin"],
    [["'x y' z"], "command"],
    [["{}"], "command"],
  ])("%j has the name %s", async (words, name) => {
    const work = await requestedWork({ type: "command", words, lists: [] }, {});
    expect(JSON.parse(await wholeText(work.document))).toMatchObject({ name });
  });
});

describe("what cannot be run", () => {
  it.each([
    [[], "usage", "The command is empty"],
    [["gzip", ":::"], "usage", "No argument follows `:::`"],
    [["gzip", ":::+", "a"], "usage", ":::+ does not exist"],
    [["sort", "{}", ">", "x", ":::", "a"], "usage", '">" would be an argument of sort'],
    [["make", "&&", "make", "install"], "usage", "one pair of quotes"],
    [[":::", "a", ":::", "b"], "usage", "There is no command"],
    [["echo", "::::", "/nonexistent/list"], "notFound", "There is no file /nonexistent/list"],
    [["echo", "::::", "/"], "usage", "cannot be read"],
    [["echo", "::::", "/dev/null"], "usage", "the list is empty"],
    [["echo", ":::", "bad\ufffd"], "usage", "not UTF-8"],
  ])("%j", async (after, code, text) => {
    await expect(planOf(after)).rejects.toEqual(error(code, text));
  });

  it.each([
    [Buffer.from([0x61, 0x0a, 0xff, 0x0a]), "not UTF-8 somewhere after line 0"],
    ["a\0b\0", "--null"],
    ["x".repeat(200_000), "Line 1"],
    [`a\n${"x".repeat(140_000)}\n`, "Line 2"],
  ])("a list that holds no arguments: case %#", async (content, text) => {
    const file = fileOf("broken", content);
    await expect(planOf(["echo", "::::", file])).rejects.toEqual(error("usage", text));
  });

  it.each([
    [{ files: [], command: null }, {}, "Name a workflow document, or write a command after --"],
    [{ files: ["a", "b"], command: null }, {}, "`qrew run -- a …`"],
    [{ files: ["a.yaml"], command: ["b"] }, {}, "not both"],
    [{ files: ["a.yaml"], command: null }, { argFile: ["l"] }, "not both"],
    [{ files: ["a.yaml"], command: null }, { cpus: "2" }, "--daemon-cpus"],
    [{ files: ["a.yaml"], command: null }, { keepOrder: true }, "qrew logs last"],
  ] as const)("%j with %j", (operands, flags, text) => {
    expect(() => readRequest(operands, flags)).toThrow(text);
  });

  it.each([
    [{ cpus: "many" }, "--cpus"],
    [{ memory: "much" }, "--memory"],
    [{ retries: "-1" }, "--retries"],
    [{ timeout: "soon" }, "--timeout"],
    [{ jobs: "0" }, "-j"],
  ])("%j", async (flags, text) => {
    const request = { type: "command", words: ["true"], lists: [] } as const;
    await expect(requestedWork(request, flags)).rejects.toEqual(error("usage", text));
  });
});

it("a million arguments pass through in pieces", async () => {
  let pulled = 0;
  const lines = function* (): Generator<Buffer> {
    for (; pulled < 1000; pulled += 1) yield Buffer.from(`${String(pulled)}\n`.repeat(1000));
  };
  const document = await commandDocument(
    {
      words: ["true"],
      lists: [{ type: "lines", file: "-" }],
      separator: "\n",
      stdin: Readable.from(lines(), { highWaterMark: 1 }),
    },
    { job: { name: "many" }, task: {} },
  );
  if (document instanceof Uint8Array) throw new Error("it is not written in pieces");
  let bytes = 0;
  let behind = 0;
  for await (const piece of streamOf(document)) {
    bytes += piece.length;
    expect(piece.length).toBeLessThan(300_000);
    // What is read ahead is bounded, however slow the other side is.
    behind = Math.max(behind, pulled * 5_000 - bytes);
  }
  expect(pulled).toBe(1000);
  expect(bytes).toBeGreaterThan(5_000_000);
  expect(behind).toBeLessThan(500_000);
});
