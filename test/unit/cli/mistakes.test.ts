/** What people type wrong: each is answered with one sentence that says what to do. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { jobSeq } from "../../../protocol/ids.ts";
import { makeHome, type TestHome } from "../client/fakeManager.ts";
import { counts } from "../client/records.ts";
import { stateFolder } from "../client/stateFolder.ts";
import { recorder } from "./recorder.ts";

let home: TestHome;
const inFolder = (name: string): string => path.join(home.folder, name);

beforeAll(async () => {
  home = makeHome();
  const ended = { state: "succeeded", finishedAtMs: 4_000, tasks: counts({ succeeded: 1 }) } as const;
  await stateFolder(home.folder).addJob({ ...ended, job: jobSeq(1), seat: null }, [
    { name: "a", command: "true" },
  ]);
  writeFileSync(inFolder("good.yaml"), "- {name: a, command: 'true'}\n");
  writeFileSync(inFolder("list.txt"), "");
  mkdirSync(inFolder("folder"));
});
afterAll(() => home.remove());

it.each([
  [["rnu", "good.yaml"], 2, "Did you mean run?"],
  [["status"], 2, "`qrew daemon status`"],
  [["kill", "1"], 2, "`qrew cancel JOB`"],
  [["ls"], 2, "`qrew jobs`"],
  [["run"], 2, "write a command after --"],
  [["run", "nix.yaml"], 3, "name a workflow document"],
  [["run", "folder"], 2, "name a workflow document in it"],
  [["run", "good.yaml", "other.yaml"], 2, "written after --"],
  [["run", "gzip", ":::", "a"], 2, "`qrew run -- gzip …`"],
  [["run", "tar", "-xzf", "a"], 2, "follow --"],
  [["run", "--cpus", "2", "good.yaml"], 2, "--daemon-cpus"],
  [["run", "-k", "good.yaml"], 2, "`qrew logs last`"],
  [["run", "good.yaml", "--", "make"], 2, "a document or a command, not both"],
  [["run", "--", "gzip", ":::"], 2, "name at least one"],
  [["run", "--", "sort", "{}", ">", "x", ":::", "a"], 2, "in one pair of quotes"],
  [["run", "-a", "nix.txt", "--", "echo"], 3, "name a list of arguments"],
  [["run", "-a", "list.txt", "--", "echo"], 2, "the list is empty"],
  [["run", "--timeout", "soon", "--", "true"], 2, "a time like 90s"],
  [["run", "--memory", "lots", "--", "true"], 2, "a size like 512M"],
  [["run", "--priority", "high", "good.yaml"], 2, "a whole number"],
  [["run", "--dir", "nix", "good.yaml"], 3, "make it first"],
  [["run", "--format", "make", "good.yaml"], 2, "--format is one of"],
  [["run", "--jx-args", "nix.json", "good.yaml"], 3, "name the file with the variables"],
  [["run", "--jx-define", "N", "good.yaml"], 2, "as N=3"],
  [["validate", ""], 2, "name a workflow document"],
  [["convert", "--to", "toml", "good.yaml"], 2, "yaml or json"],
  [["show"], 2, "qrew show --help"],
  [["show", "9"], 3, "the last one is 1"],
  [["show", "first"], 2, "see `qrew jobs`"],
  [["show", "5-2"], 2, "write 2-5"],
  [["tasks", "1", "2"], 2, "qrew tasks --help"],
  [["tasks", "1", "--state", "done"], 2, "succeeded"],
  [["submit", "-k", "--", "true"], 2, "`qrew run` has it"],
  [["logs", "1", "nix"], 3, "see `qrew tasks 1`"],
  [["logs", "1", "a", "--attempt", "0"], 2, "a whole number"],
  [["logs", "-f", "1", "--json"], 2, "leave one of them out"],
  [["jobs", "--state", "done"], 2, "succeeded"],
  [["jobs", "--since", "yesterday"], 2, "2h or 3d"],
  [["jobs", "--limt", "3"], 2, "Did you mean --limit?"],
  [["cancel"], 2, "`qrew cancel all`"],
  [["daemon"], 2, "qrew daemon --help"],
  [["daemon", "restart"], 2, "qrew daemon --help"],
  [["daemon", "start", "--cpus", "0"], 2, "4 or 0.5"],
  [["daemon", "start", "--resource", "licence"], 2, "licence=2"],
  [["config", "set", "daemon.cpu", "2"], 2, 'Did you mean "daemon.cpus"?'],
  [["graph", "folder"], 2, "name a workflow document in it"],
  [["help", "selector"], 3, 'Did you mean "selectors"?'],
  [["completion", "tcsh"], 2, "bash, zsh, fish"],
] as const)("qrew %j exits %j", async (args, code, advice) => {
  const files = new Set(["good.yaml", "folder", "list.txt"]);
  const at = recorder(home);
  expect(await at.run(...args.map((arg) => (files.has(arg) ? inFolder(arg) : arg)))).toBe(code);
  expect(at.stdout()).toBe("");
  const lines = at.stderr().trimEnd().split("\n");
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^qrew: [A-Z`"$/-].*[.?]$/);
  expect(lines[0]).toContain(advice);
});
