/** Every command that takes `--json` is in docs/json.md; those that no other test asks for it are asked here. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Command } from "commander";
import { afterEach, beforeEach, expect, it } from "vitest";
import { jobSeq } from "../../../protocol/ids.ts";
import { makeProgram, withSubcommands } from "../../../src/cli/program.ts";
import { readJson, shapes } from "../../support/jsonShapes.ts";
import { makeHome, type TestHome } from "../client/fakeManager.ts";
import { counts } from "../client/records.ts";
import { stateFolder } from "../client/stateFolder.ts";
import { recorder } from "./recorder.ts";

let home: TestHome;
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.remove());

/** What the command prints with `--json`. */
async function printed(...args: string[]): Promise<string> {
  const at = recorder(home);
  await at.run(...args, "--json");
  return at.stdout();
}

it("store commands print what is documented", async () => {
  const ended = { state: "succeeded", finishedAtMs: 4_000, tasks: counts({ succeeded: 1 }) } as const;
  await stateFolder(home.folder).addJob({ ...ended, job: jobSeq(1), seat: null }, [
    { name: "a", command: "true" },
  ]);
  // A job that succeeded without a seat is a fault, which is told in the same shape.
  const verified = readJson(shapes.verified, await printed("store", "verify"));
  expect(verified.isSound).toBe(verified.stores.every(({ faultsTotal }) => faultsTotal === 0));
  const backup = path.join(home.folder, "copy");
  expect(readJson(shapes.backedUp, await printed("store", "backup", backup)).folder).toBe(backup);
  expect(readJson(shapes.compacted, await printed("store", "compact")).stores).toHaveLength(2);
  const restored = readJson(shapes.restored, await printed("store", "restore", backup, "--replace"));
  expect(restored).toMatchObject({ home: home.folder, backup });
});

it("convert prints the document", async () => {
  mkdirSync(home.folder, { recursive: true });
  const file = path.join(home.folder, "w.jx");
  writeFileSync(file, '{"rules": [{"command": "true", "outputs": ["o" + N]}]}');
  const { document } = readJson(shapes.converted, await printed("convert", file, "--jx-define", "N=1"));
  expect(document["tasks"]).toMatchObject([{ name: "o1", command: "true" }]);
});

it("docs/json.md has every command that takes it, and no other", () => {
  const program = makeProgram({
    context: recorder(home).context,
    command: null,
    finish: async () => undefined,
  });
  const nameOf = (command: Command): string =>
    command.parent === program ? command.name() : `${nameOf(command.parent ?? program)} ${command.name()}`;
  const taking = withSubcommands(program)
    .slice(1)
    .filter((command) => command.options.some(({ long }) => long === "--json"))
    .map(nameOf)
    // Those of `config` are in its row.
    .filter((name) => !name.startsWith("config "));
  const table = readFileSync("docs/json.md", "utf8").match(/^\| `[^|]*--json`[^|]*\|/gm) ?? [];
  const documented = table.flatMap((row) =>
    [...row.matchAll(/`([a-z ]+) --json`/g)].map(([, name]) => name ?? ""),
  );
  expect(documented.toSorted()).toEqual(taking.toSorted());
});
