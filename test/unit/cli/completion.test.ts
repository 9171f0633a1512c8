import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandNodes } from "../../../src/cli/completion/tree.ts";
import { makeProgram } from "../../../src/cli/program.ts";
import { makeHome, type TestHome } from "../client/fakeManager.ts";
import { recorder } from "./recorder.ts";

let home: TestHome;
let folder: string;
let script: string;

beforeAll(async () => {
  home = makeHome();
  folder = path.join(home.folder, "files");
  mkdirSync(path.join(folder, "sub dir"), { recursive: true });
  writeFileSync(path.join(folder, "work flow.yaml"), "");
  writeFileSync(path.join(folder, "other.txt"), "");
  // The numbers of jobs come from the command itself; this one has two.
  writeFileSync(
    path.join(home.folder, "qrew"),
    `#!/bin/sh\nprintf '{"id":7,"name":"a"}\\n{"id":12,"name":"b"}\\n'\n`,
    {
      mode: 0o755,
    },
  );
  const at = recorder(home);
  await at.run("completion", "bash");
  script = at.stdout();
});
afterAll(() => home.remove());

/** What bash offers for the last word. */
function offered(...words: string[]): readonly string[] {
  const list = ["qrew", ...words].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  const program = `${script}
COMP_WORDS=(${list}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); compopt() { :; }
_qrew || :; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync("bash", ["--norc", "-euc", program], {
    encoding: "utf8",
    cwd: folder,
    env: { PATH: `${home.folder}:${process.env["PATH"] ?? ""}` },
  });
  if (status !== 0) throw new Error(stderr);
  return stdout.split("\n").filter((line) => line !== "");
}

describe("completion in bash", () => {
  it.each([
    [["va"], ["validate"]],
    [
      ["daemon", ""],
      ["start", "stop", "status"],
    ],
    [
      ["daemon", "st"],
      ["start", "stop", "status"],
    ],
    [["daemon", "start", "--c"], ["--cpus"]],
    [["jobs", "--state", "f"], ["failed"]],
    [["--debug", "jobs", "--st"], ["--state"]],
    [["show", "l"], ["last"]],
    [
      ["show", ""],
      ["last", "all", "7", "12"],
    ],
    [["cancel", "7", "1"], ["12"]],
    [["run", "w"], ["work flow.yaml"]],
    [["run", "--dir", ""], ["sub dir"]],
    [["run", "--", "o"], ["other.txt"]],
    [["convert", "--to", "j"], ["json"]],
    [
      ["validate", "--format", "makeflow-"],
      ["makeflow-json", "makeflow-jx"],
    ],
    [["config", "set", "daemon.g"], ["daemon.gpus"]],
    [
      ["completion", ""],
      ["bash", "zsh", "fish"],
    ],
    [["help", "sel"], ["selectors"]],
    [["run", "--timeout", ""], []],
    [["nothing", "o"], []],
  ])("%j offers %j", (words, expected) => {
    expect([...offered(...words)].sort()).toEqual([...expected].sort());
  });

  it("offers every command, and every option of each", () => {
    const program = makeProgram({
      context: recorder(home).context,
      command: null,
      finish: async () => undefined,
    });
    for (const { path: at, options, subcommands } of commandNodes(program)) {
      const words = at === "" ? [] : at.split(" ");
      const found = offered(...words, "--");
      expect(found).toEqual(expect.arrayContaining(options.map(({ long }) => long)));
      const names = subcommands.map(({ name }) => name);
      expect(offered(...words, "")).toEqual(expect.arrayContaining(names));
    }
  }, 60_000);
});

describe("completion in other shells", () => {
  it.each(["zsh", "fish"])("%s has every command and option", async (shell) => {
    const at = recorder(home);
    expect(await at.run("completion", shell)).toBe(0);
    const program = makeProgram({ context: at.context, command: null, finish: async () => undefined });
    for (const { options, subcommands } of commandNodes(program)) {
      for (const { long } of options)
        expect(at.stdout()).toContain(shell === "fish" ? `-l ${long.slice(2)}` : long);
      for (const { name } of subcommands) expect(at.stdout()).toContain(name);
    }
  });

  it("of an unknown one says which there are", async () => {
    const at = recorder(home);
    expect(await at.run("completion", "tcsh")).toBe(2);
    expect(at.stderr()).toContain("bash, zsh, fish");
  });
});
