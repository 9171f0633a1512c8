import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { commandNodes } from "../../../src/cli/completion/tree.ts";
import { makeProgram } from "../../../src/cli/program.ts";
import { skipUnless } from "../../support/requires.ts";
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
    [["tasks", "1", "--state", "sk"], ["skipped"]],
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

/** What fish offers at the end of the line. */
function offeredByFish(script: string, line: string): readonly string[] {
  const program = `source ${script}; complete -C '${line}'`;
  return linesOf("fish", ["--no-config", "-c", program]).map((found) => found.replace(/\t.*/, ""));
}

/** Within a zsh at a terminal of its own: it writes down what is offered at the first tab, and goes. */
const ZSH_WITHIN = (script: string): string => `
autoload -Uz compinit && compinit -D -u
source ${script}
compadd() {
  local -a offered
  if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)* ]]; then builtin compadd "$@"; return; fi
  builtin compadd -A offered "$@"
  (( $#offered )) && print -rl -- $offered >> offered.txt
}
ended() { exit }
comppostfuncs=(ended)
bindkey '^I' complete-word
print loaded
`;
/** $1: the file with the above; $2: the line. */
const ZSH_AROUND = `
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner "PS1=; stty -echo; source $1"
while zpty -r inner text && [[ $text != *loaded* ]]; do :; done
zpty -n -w inner "$2"$'\t'
while zpty -r inner text; do :; done
`;

function offeredByZsh(script: string, line: string): readonly string[] {
  const within = path.join(home.folder, "within.zsh");
  const found = path.join(folder, "offered.txt");
  writeFileSync(within, ZSH_WITHIN(script));
  try {
    linesOf("zsh", ["-fc", ZSH_AROUND, "zsh", within, line]);
    return existsSync(found)
      ? readFileSync(found, "utf8")
          .split("\n")
          .filter((name) => name !== "")
      : [];
  } finally {
    rmSync(found, { force: true });
  }
}

const SHELL_MS_MAX = 30_000;

function linesOf(shell: string, args: readonly string[]): readonly string[] {
  const { stdout, stderr } = spawnSync(shell, args, {
    encoding: "utf8",
    cwd: folder,
    timeout: SHELL_MS_MAX,
    env: { PATH: `${home.folder}:${process.env["PATH"] ?? ""}`, HOME: home.folder, TERM: "xterm" },
  });
  expect(stderr).toBe("");
  return stdout.split("\n").filter((line) => line !== "");
}

describe.each([
  ["zsh", offeredByZsh],
  ["fish", offeredByFish],
] as const)("completion in %s", (shell, offeredBy) => {
  it.each([
    ["qrew va", ["validate"]],
    ["qrew daemon ", ["start", "status", "stop"]],
    ["qrew daemon start --c", ["--cpus"]],
    ["qrew jobs --state f", ["failed"]],
    ["qrew --debug jobs --st", ["--state"]],
    ["qrew show ", ["12", "7", "all", "last"]],
    ["qrew convert --to j", ["json"]],
    ["qrew config set daemon.g", ["daemon.gpus"]],
    ["qrew help sel", ["selectors"]],
    ["qrew run o", ["other.txt"]],
    ["qrew run -- o", ["other.txt"]],
  ])("%s⇥ offers %j", async (line, expected) => {
    const script = await scriptFor(shell);
    expect([...offeredBy(script, line)].map((name) => name.trim()).sort()).toEqual(expected);
  });
  beforeEach((ctx) => skipUnless(ctx, shell));
});

async function scriptFor(shell: string): Promise<string> {
  const at = recorder(home);
  await at.run("completion", shell);
  const file = path.join(home.folder, `completion.${shell}`);
  writeFileSync(file, at.stdout());
  return file;
}

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
