import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JobState } from "../../../protocol/fields.ts";
import { jobSeq } from "../../../protocol/ids.ts";
import { lineShapes, readJson } from "../../support/jsonShapes.ts";
import { makeHome, type TestHome } from "../client/fakeManager.ts";
import { counts } from "../client/records.ts";
import { stateFolder } from "../client/stateFolder.ts";
import { recorder } from "./recorder.ts";

let home: TestHome;

/** A folder with these jobs for all tests of a group; only the last of them changes one. */
function given(states: Readonly<Record<number, JobState>>): void {
  beforeAll(() => {
    home = makeHome();
    return jobs(states);
  });
  afterAll(() => home.remove());
}

/** Jobs of these numbers, named `n1` and so on. */
async function jobs(states: Readonly<Record<number, JobState>>): Promise<void> {
  const state = stateFolder(home.folder);
  for (const [number, jobState] of Object.entries(states)) {
    const tasks = counts(jobState === "queued" ? { waiting: 1 } : { succeeded: 1 });
    const record = { job: jobSeq(Number(number)), name: `n${number}`, state: jobState, tasks };
    await state.addJob({ ...record, finishedAtMs: jobState === "queued" ? null : 3_000 }, [
      { name: "a", command: "true" },
    ]);
  }
}

const containing = (text: string): unknown => expect.stringContaining(text);

async function output(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const at = recorder(home);
  const code = await at.run(...args);
  return { code, out: at.stdout(), err: at.stderr() };
}

const idsOf = (text: string): readonly unknown[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line))
    .map((line) => (typeof line === "object" && line !== null && "id" in line ? line.id : line));

describe("selectors", () => {
  given({ 1: "succeeded", 2: "failed", 4: "succeeded", 5: "queued", 7: "cancelled" });

  it.each([
    [["2"], [2]],
    [["2-5"], [2, 4, 5]],
    [
      ["4-", "1"],
      [4, 5, 7, 1],
    ],
    [
      ["last,1-2", "2"],
      [7, 1, 2],
    ],
    [["all"], [1, 2, 4, 5, 7]],
  ])("%j are the jobs %j", async (selectors, numbers) => {
    const shown = await output("show", ...selectors, "--ndjson");
    expect(shown.code).toBe(0);
    expect(idsOf(shown.out)).toEqual(numbers);
  });

  it.each([
    [["jobs", "--ndjson"], lineShapes.jobs],
    [["show", "all", "--ndjson"], lineShapes.show],
    [["tasks", "1", "--ndjson"], lineShapes.tasks],
    [["wait", "1-4", "--ndjson"], lineShapes.wait],
    [["cancel", "1-4", "--ndjson"], lineShapes.wait],
  ])("%j prints lines of the documented shape", async (args, shape) => {
    const lines = (await output(...args)).out.trimEnd().split("\n");
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(() => readJson(shape, line)).not.toThrow();
  });

  it("show several jobs one after another", async () => {
    const { out } = await output("show", "1,4");
    expect(out.match(/^job \d+ /gm)).toEqual(["job 1 ", "job 4 "]);
    expect((await output("show", "1,4", "--json")).err).toContain("--ndjson");
  });

  it("that find nothing say what there is", async () => {
    expect(await output("show", "3")).toMatchObject({
      code: 3,
      err: containing("last one is 7"),
    });
    expect(await output("show", "8-9")).toMatchObject({
      code: 3,
      err: containing("no job in 8-9"),
    });
  });

  it("of a command that takes one job name one", async () => {
    expect(await output("tasks", "1-2")).toMatchObject({
      code: 2,
      err: containing("takes one"),
    });
    expect((await output("tasks", "4-4")).code).toBe(0);
  });

  it("`all` are for wait and cancel those that have not ended", async () => {
    expect((await output("wait", "1-2")).out.trimEnd().split("\n").length).toBe(2);
    await jobs({ 5: "succeeded" });
    expect(await output("wait", "all")).toMatchObject({ code: 0, out: "" });
    expect(await output("cancel", "all")).toMatchObject({ code: 0, out: "" });
  });
});

describe("filters", () => {
  given({ 1: "succeeded", 2: "failed", 3: "succeeded", 4: "queued" });

  it.each([
    [
      ["--state", "succeeded"],
      [3, 1],
    ],
    [
      ["--state", "failed,queued"],
      [4, 2],
    ],
    [["--name", "n[2]"], []],
    [["--name", "?2"], [2]],
    [
      ["--since", "1970-01-01"],
      [4, 3, 2, 1],
    ],
    [["--since", "1d"], []],
    [["1-2", "--state", "succeeded"], [1]],
    [
      ["--limit", "2"],
      [4, 3],
    ],
  ])("jobs %j are %j", async (args, numbers) => {
    const { out, code } = await output("jobs", ...args, "--ndjson");
    expect(code).toBe(0);
    expect(out === "" ? [] : idsOf(out)).toEqual(numbers);
  });

  it("that match nothing are told", async () => {
    expect((await output("jobs", "--state", "paused")).out).toContain("No job matches");
  });

  it("cancel only what is open", async () => {
    expect(await output("cancel", "--state", "failed")).toMatchObject({ code: 0, out: "" });
    expect(await output("cancel")).toMatchObject({
      code: 2,
      err: containing("qrew cancel all"),
    });
  });
});
