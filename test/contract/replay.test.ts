/** The program that stands for recorded tasks: in C, and as a script where there is no compiler. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { skipUnless } from "../support/requires.ts";

const SOURCES = fileURLToPath(new URL("../../src/workflow/replay", import.meta.url));
const COMMAND_MS_MAX = 30_000;
const COMPILER = process.env["CC"]?.trim() || "cc";

const built = mkdtempSync(path.join(tmpdir(), "q-replay-"));
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "q-replay-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
afterAll(() => rmSync(built, { recursive: true, force: true }));

describe.each([
  { flavour: "c", command: [path.join(built, "replay")] },
  { flavour: "script", command: [process.execPath, path.join(SOURCES, "replay.mjs")] },
])("the replay program ($flavour)", ({ flavour, command }) => {
  beforeAll(() => {
    if (flavour === "c")
      spawnSync(COMPILER, ["-D_GNU_SOURCE", "-o", command[0] ?? "", path.join(SOURCES, "replay.c")]);
  });
  beforeEach((ctx) => {
    if (flavour === "c") skipUnless(ctx, "cc");
  });

  const run = (...args: readonly string[]) => {
    const [program = "", ...first] = command;
    return spawnSync(program, [...first, ...args], {
      cwd: folder,
      encoding: "utf8",
      timeout: COMMAND_MS_MAX,
    });
  };

  it("sleeps, and then writes its files in folders that it makes", () => {
    const beganMs = performance.now();
    const { status } = run("--seconds", "0.3", "--write", "a/b c=3000000", "--write", "d=e=0");
    expect(status).toBe(0);
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(300);
    expect(readFileSync(path.join(folder, "a/b c"))).toHaveLength(3_000_000);
    expect(readFileSync(path.join(folder, "d=e"))).toHaveLength(0);
  });

  it("writes nothing when it is ended before", async () => {
    const [program = "", ...first] = command;
    const child = spawn(program, [...first, "--seconds", "30", "--write", "a=1"], { cwd: folder });
    const gone = new Promise((resolve) => child.once("close", (_, signal) => resolve(signal)));
    child.once("spawn", () => child.kill("SIGTERM"));
    expect(await gone).toBe("SIGTERM");
    expect(existsSync(path.join(folder, "a"))).toBe(false);
  });

  it("tells what it cannot do", () => {
    const { status, stderr } = run("--write", ".=1");
    expect(status).toBe(1);
    expect(stderr).toContain(". cannot be written");
    for (const args of [
      ["--seconds", "x"],
      ["--write", "a"],
      ["--write", "a=-1"],
      ["--write", "=1"],
      ["--what", "1"],
      ["--seconds"],
    ]) {
      expect(run(...args)).toMatchObject({ status: 2 });
    }
  });
});
