import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withSettings } from "../../../src/client/daemonProcess.ts";
import { SETTINGS, settingsPath } from "../../../src/client/settings.ts";
import { readJson, shapes } from "../../support/jsonShapes.ts";
import { makeHome, type TestHome } from "../client/fakeManager.ts";
import { recorder } from "./recorder.ts";

let home: TestHome;
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.remove());

async function config(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const at = recorder(home);
  const code = await at.run("config", ...args);
  return { code, out: at.stdout(), err: at.stderr() };
}

describe("config", () => {
  it("sets, shows, gives and takes back", async () => {
    expect((await config("set", "daemon.cpus", "2.5")).code).toBe(0);
    expect((await config("set", "jobs.limit", "3")).err).toBe("");
    expect(await config("get", "daemon.cpus")).toMatchObject({ code: 0, out: "2.5\n" });
    const { out } = await config();
    expect(out).toMatch(/^daemon\.cpus +2\.5 /m);
    expect(out).toMatch(/^submit\.priority +\(0\) /m);
    const { file, settings } = readJson(shapes.config, (await config("--json")).out);
    expect(file).toBe(settingsPath(home.folder));
    expect(settings[0]).toMatchObject({ key: "daemon.cpus", value: "2.5" });
    for (const args of [
      ["get", "jobs.limit"],
      ["set", "jobs.limit", "3"],
    ])
      expect(readJson(shapes.setting, (await config(...args, "--json")).out).value).toBe("3");
    expect((await config("unset", "daemon.cpus")).code).toBe(0);
    expect((await config("get", "daemon.cpus")).code).toBe(3);
    expect(readFileSync(settingsPath(home.folder), "utf8")).toBe('{\n  "jobs.limit": "3"\n}\n');
    await config("unset", "jobs.limit");
    expect(existsSync(settingsPath(home.folder))).toBe(false);
  });

  it.each([
    [["set", "daemon.cpu", "2"], 'Did you mean "daemon.cpus"?'],
    [["get", "colour"], "`qrew config` lists all"],
    [["set", "daemon.cpus", "many"], "must be a number"],
    [["set", "daemon.cpus", "0"], "more than 0"],
    [["set", "daemon.memory", "much"], "a size such as"],
    [["set", "daemon.gpus", "1.5"], "a whole number"],
    [["set", "daemon.resources", "licence"], "NAME=AMOUNT"],
    [["set", "submit.priority", "9999"], "from -1000 to 1000"],
    [["set", "prune.olderThan", "30"], "a time with its unit"],
    [["set", "prune.olderThan", "soon"], "a duration such as"],
    [["set", "prune.keep", "-1"], "from 0 to 1000000"],
    [["set", "prune.state", "succeeded,running"], "one or more of succeeded, failed, cancelled"],
    [["set", "prune.folders", "true"], "yes or no"],
    [["set", "daemon.cpus"], "qrew config set --help"],
  ])("%j is refused", async (args, text) => {
    const { code, err } = await config(...args);
    expect({ code, lines: err.trimEnd().split("\n").length }).toEqual({ code: 2, lines: 1 });
    expect(err).toContain(text);
  });

  it("has an example for each setting that may be set", async () => {
    for (const { key, example } of SETTINGS) expect((await config("set", key, example)).code).toBe(0);
    expect(withSettings({ home: home.folder, transient: true, resources: { cpus: 1 } }).resources).toEqual({
      cpus: 1,
      memory: "8G",
      gpus: 1,
      named: { licence: 2, scratch: 1 },
    });
  });

  it.each(["{", "[]", '{"daemon.cpus": [2]}', '{"nothing": 1}', '{"daemon.cpus": "x"}'])(
    "%s in the file is told, with its place",
    async (text) => {
      writeFileSync(settingsPath(home.folder), text);
      const at = recorder(home);
      expect(await at.run("jobs")).toBe(2);
      expect(at.stderr()).toContain(settingsPath(home.folder));
    },
  );

  it("may be written by hand, with numbers", async () => {
    writeFileSync(settingsPath(home.folder), '{"daemon.cpus": 3}');
    expect(withSettings({ home: home.folder, transient: true, resources: {} }).resources).toEqual({
      cpus: 3,
    });
  });
});
