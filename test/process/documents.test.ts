/** What the pages tell newcomers to type is typed here; and the examples of the library run. */
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { commandsMarkdown } from "../../src/cli/reference.ts";
import { QREW_MAIN, QrewFolder } from "../support/qrew.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

let qrew: QrewFolder;
let programs: string;
beforeAll(() => {
  qrew = new QrewFolder();
  programs = path.join(qrew.folder, "bin");
  mkdirSync(programs);
  const file = path.join(programs, "qrew");
  writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${QREW_MAIN}' "$@"\n`);
  chmodSync(file, 0o755);
});
afterAll(() => qrew.close());

interface Block {
  readonly kind: "run" | "file";
  readonly file: string;
  readonly text: string;
}

/** Blocks that begin with ```LANGUAGE run, or ```LANGUAGE file=NAME. In a console what is typed follows `$ npx`. */
function blocksOf(markdown: string): readonly Block[] {
  const blocks = markdown.matchAll(/^```(\w+) (run|file=(\S+))\n(.*?)^```$/gms);
  return [...blocks].map(([, language, kind, file, text = ""]) => ({
    kind: kind === "run" ? "run" : "file",
    file: file ?? "",
    text: language === "console" ? typedIn(text) : text,
  }));
}

const typedIn = (console: string): string =>
  [...console.matchAll(/^\$ npx (.*\n)/gm)].map((line) => line[1] ?? "").join("");

function execute(command: readonly string[], cwd: string): Promise<{ code: number | null; output: string }> {
  const [program = "", ...args] = command;
  const PATH = `${programs}:${process.env["PATH"] ?? ""}`;
  const child = spawn(program, args, {
    cwd,
    env: qrew.environment({ PATH }),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (piece: Buffer) => (output += piece.toString()));
  child.stderr.on("data", (piece: Buffer) => (output += piece.toString()));
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, output })));
}

it("docs/commands.md is what the program says: run `npm run docs` after a change", () => {
  expect(commandsMarkdown()).toBe(readFileSync(path.join(ROOT, "docs", "commands.md"), "utf8"));
});

it.each([
  ["README.md", 1],
  ["docs/tutorial.md", 7],
  ["docs/commandline.md", 2],
  ["docs/coming-from.md", 4],
  ["docs/makeflow.md", 1],
  ["docs/wfcommons.md", 2],
] as const)(
  "%s can be followed",
  async (page, blocksMin) => {
    const blocks = blocksOf(readFileSync(path.join(ROOT, page), "utf8"));
    const typed = blocks.filter(({ kind, text }) => kind === "run" && text !== "");
    expect(typed.length).toBeGreaterThanOrEqual(blocksMin);
    const folder = path.join(qrew.work, path.basename(page));
    mkdirSync(folder);
    for (const { kind, file, text } of blocks) {
      if (kind === "file") {
        writeFileSync(path.join(folder, file), text);
        continue;
      }
      const { code, output } = await execute(["bash", "-euc", text], folder);
      expect(code === 0 ? "" : `${text}\n${output}`).toBe("");
    }
  },
  180_000,
);

it.each([
  [
    "submitAndFollow.ts",
    /^job \d+ has 6 tasks$[\s\S]*^square\[5\] succeeded 25$[\s\S]*^fails failed exit code 3$/m,
  ],
  ["cancelAfterFirstLine.ts", /^endless wrote to stdout: line 1$[\s\S]*^cancelled, 1 task cancelled$/m],
])("examples/library/%s runs", async (name, pattern) => {
  const loader = path.join(ROOT, "node_modules", "tsx", "dist", "loader.mjs");
  const { code, output } = await execute(
    [process.execPath, "--import", loader, path.join(ROOT, "examples", "library", name)],
    qrew.work,
  );
  expect(output).toMatch(pattern);
  expect(code).toBe(0);
});
