import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HELP_TOPICS } from "../../../src/cli/help/topics.ts";
import { makeHome, type TestHome } from "../client/fakeManager.ts";
import { recorder } from "./recorder.ts";

let home: TestHome;
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.remove());

async function help(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const at = recorder(home);
  const code = await at.run("help", ...words);
  return { code, out: at.stdout(), err: at.stderr() };
}

describe("help", () => {
  it.each(Object.keys(HELP_TOPICS))("on %s fits a screen and has an example", async (topic) => {
    const { code, out } = await help(topic);
    expect(code).toBe(0);
    const lines = out.trimEnd().split("\n");
    expect(lines.length).toBeLessThanOrEqual(24);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(120);
    expect(out).toContain("qrew ");
  });

  it("alone lists commands and topics", async () => {
    const { out } = await help();
    for (const topic of Object.keys(HELP_TOPICS)) expect(out).toContain(`  ${topic} `);
    expect(out).toContain("  submit ");
  });

  it("on a command is that of the command", async () => {
    expect((await help("daemon", "start")).out).toContain("Usage: qrew daemon start");
    expect((await help("run")).out).toContain("Examples:");
    const at = recorder(home);
    expect(await at.run("run", "--help")).toBe(0);
    expect(at.stdout()).toBe((await help("run")).out);
  });

  it("on something else says what was meant", async () => {
    expect(await help("selector")).toMatchObject({ code: 3, out: "" });
    expect((await help("selector")).err).toContain('Did you mean "selectors"?');
    expect((await help("constructor")).code).toBe(3);
  });
});
