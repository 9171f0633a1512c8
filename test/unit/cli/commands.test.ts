import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { jobSeq, taskIndex } from "../../../protocol/ids.ts";
import { makeHome, type TestHome } from "../client/fakeManager.ts";
import { counts, taskRecord } from "../client/records.ts";
import { stateFolder } from "../client/stateFolder.ts";
import { type Recorder, recorder } from "./recorder.ts";

let home: TestHome;
let at: Recorder;

beforeEach(() => {
  home = makeHome();
  at = recorder(home);
});

afterEach(() => home.remove());

const DOCUMENT = {
  name: "study",
  tasks: [
    { name: "good", command: "true" },
    { name: "part", command: "true", foreach: { i: { range: [1, 2] } } },
    { name: "bad", command: "false", retry: 1 },
    { name: "after", command: "true", depends: "bad" },
  ],
};
const BINARY = randomBytes(5_000);

/** Job 1 has failed, job 2 is queued. */
async function twoJobs(): Promise<void> {
  const state = stateFolder(home.folder);
  const exited = { type: "exited", exitCode: 3 } as const;
  const failed = taskRecord({
    state: "failed",
    attempt: 2,
    exitCode: 3,
    reason: exited,
    startedSeq: 7,
    finishedSeq: 9,
  });
  const ended = {
    state: "failed",
    finishedAtMs: 10_500.75,
    tasks: counts({ succeeded: 3, failed: 1, skipped: 1 }),
  } as const;
  await state.addJob({ job: jobSeq(1), name: "study", ...ended }, DOCUMENT, [
    {
      name: "good",
      record: taskRecord({
        startedSeq: 5,
        usage: { userSeconds: 1.5, systemSeconds: 0.25, maxRssBytes: 4096 },
      }),
      stdout: BINARY,
    },
    { name: "part[1]", record: taskRecord({ startedSeq: 4 }), stdout: "first\n" },
    { name: "part[2]", record: taskRecord({ startedSeq: 3 }), stdout: "second", stderr: "warned\n" },
    {
      name: "bad",
      record: failed,
      earlier: [taskRecord({ state: "backoff", exitCode: 4, reason: { type: "exited", exitCode: 4 } })],
      stderr: "no luck\n",
    },
    {
      name: "after",
      record: taskRecord({
        state: "skipped",
        attempt: 0,
        exitCode: null,
        startedAtMs: null,
        startedSeq: null,
        node: null,
        reason: { type: "dependency", task: taskIndex(3), state: "failed" },
      }),
    },
  ]);
  await state.addJob(
    {
      job: jobSeq(2),
      name: "next",
      seat: null,
      state: "queued",
      startedAtMs: null,
      tasks: counts({ waiting: 5 }),
    },
    DOCUMENT,
  );
}

describe("without any job", () => {
  it("jobs says what to type, and succeeds", async () => {
    expect(await at.run("jobs")).toBe(0);
    expect(at.stdout()).toContain("qrew run");
  });

  it.each([["show"], ["tasks"], ["logs"], ["wait"], ["cancel"]])("%s finds nothing", async (command) => {
    expect(await at.run(command, "last")).toBe(3);
    expect(at.stderr()).toMatch(/^qrew: There is no job yet.*qrew run/);
  });
});

describe("references", () => {
  it("to an unknown job are answered with what exists", async () => {
    await twoJobs();
    expect(await at.run("show", "17")).toBe(3);
    expect(at.stderr()).toContain("There is no job 17; the last one is 2");
  });

  it("that are none are wrong use", async () => {
    await twoJobs();
    expect(await at.run("show", "first")).toBe(2);
  });

  it("may be `last`", async () => {
    await twoJobs();
    expect(await at.run("show", "last", "--json")).toBe(0);
    expect(at.json()).toMatchObject({ id: 2, name: "next", state: "queued" });
  });
});

describe("jobs", () => {
  it("lists the newest first, and says how many are left out", async () => {
    await twoJobs();
    expect(await at.run("jobs", "--limit", "1")).toBe(0);
    const [, first, second] = at.stdout().split("\n");
    expect(first).toMatch(/2 +queued +next/);
    expect(second).toBe("");
    expect(at.stderr()).toContain("and 1 older");
    expect(at.stderr()).toContain("no daemon runs");
  });

  it("lists them as JSON", async () => {
    await twoJobs();
    expect(await at.run("jobs", "--json")).toBe(0);
    expect(at.json()).toMatchObject({
      version: 1,
      more: false,
      jobs: [{ id: 2 }, { id: 1, state: "failed" }],
    });
  });
});

describe("show", () => {
  it("has the documented shape as JSON", async () => {
    await twoJobs();
    expect(await at.run("show", "1", "--json")).toBe(0);
    expect(at.json()).toEqual({
      version: 1,
      id: 1,
      name: "study",
      state: "failed",
      createdAt: "1970-01-01T00:00:01.000Z",
      startedAt: "1970-01-01T00:00:02.000Z",
      finishedAt: "1970-01-01T00:00:10.500Z",
      tasks: { ...counts({ succeeded: 3, failed: 1, skipped: 1 }) },
      round: 1,
      priority: 0,
      directory: "/data",
      source: "demo.yaml",
      cancelRequested: false,
      detail: null,
      errors: [
        {
          task: "bad",
          attempt: 2,
          attemptsMax: 2,
          reason: "exit code 3",
          exitCode: 3,
          signal: null,
          stream: "stderr",
          lastLines: ["no luck"],
        },
      ],
    });
  });

  it("shows the error and what to type next", async () => {
    await twoJobs();
    expect(await at.run("show", "1")).toBe(0);
    expect(at.stdout()).toContain("task bad failed: exit code 3 (attempt 2 of 2)");
    expect(at.stdout()).toContain("│ no luck");
    expect(at.stdout()).toContain("qrew logs 1 bad --stderr");
  });
});

describe("tasks", () => {
  it("has the documented shape as JSON", async () => {
    await twoJobs();
    expect(await at.run("tasks", "1", "--json")).toBe(0);
    expect(at.json()).toMatchObject({
      version: 1,
      jobId: 1,
      tasks: [
        {
          name: "good",
          state: "succeeded",
          attempt: 1,
          exitCode: 0,
          signal: null,
          startedAt: "1970-01-01T00:00:02.000Z",
          finishedAt: "1970-01-01T00:00:03.000Z",
          startedSeq: 5,
          finishedSeq: 3,
          node: "node1",
          usage: { cpuSeconds: 1.75, maxRssBytes: 4096 },
          reason: null,
        },
        { name: "part[1]" },
        { name: "part[2]", usage: null },
        { name: "bad", state: "failed", attempt: 2, exitCode: 3, reason: "exit code 3" },
        { name: "after", state: "skipped", attempt: 0, startedAt: null, reason: "dependency bad failed" },
      ],
    });
  });

  it("lists the tasks of a job that nobody has started", async () => {
    await twoJobs();
    expect(await at.run("tasks", "2")).toBe(0);
    const lines = at.stdout().trimEnd().split("\n");
    expect(lines.length).toBe(6);
    expect(lines[1]).toMatch(/^good +ready$/);
    expect(lines[5]).toMatch(/^after +waiting$/);
  });
});

describe("logs", () => {
  it("of one task are its bytes and nothing else", async () => {
    await twoJobs();
    expect(await at.run("logs", "1", "good")).toBe(0);
    expect(at.bytes().equals(BINARY)).toBe(true);
    expect(at.stderr()).toBe("");
  });

  it("of an array are those of its elements, of a job those of all tasks in the order of their start", async () => {
    await twoJobs();
    expect(await at.run("logs", "1", "part")).toBe(0);
    expect(at.stdout()).toBe("==> part[1] <==\nfirst\n\n==> part[2] <==\nsecond\n");
    const all = recorder(home);
    expect(await all.run("logs", "1")).toBe(0);
    const heads = all.stdout().match(/==> .* <==/g);
    expect(heads).toEqual(["==> part[2] <==", "==> part[1] <==", "==> good <=="]);
  });

  it("may be stderr, and of an earlier attempt", async () => {
    await twoJobs();
    expect(await at.run("logs", "1", "bad", "--stderr")).toBe(0);
    expect(at.stdout()).toBe("no luck\n");
    const earlier = recorder(home);
    expect(await earlier.run("logs", "1", "bad", "--stderr", "--attempt", "1")).toBe(0);
    expect(earlier.stdout()).toBe("");
    expect(earlier.stderr()).toContain("wrote nothing to stderr in attempt 1");
  });

  it.each([
    ["3", "bad", "only 2 attempts"],
    ["1", "after", "no attempt yet"],
  ])("has no attempt %s of %s", async (attempt, task, message) => {
    await twoJobs();
    expect(await at.run("logs", "1", task, "--attempt", attempt)).toBe(3);
    expect(at.stderr()).toContain(message);
  });

  it.each([
    [["logs", "1", "part", "--attempt", "9"]],
    [["logs", "1", "--attempt", "9"]],
    [["logs", "1", "bad", "--attempt", "9", "--json"]],
  ])("has no such attempt of any of them: %j", async (args) => {
    await twoJobs();
    expect(await at.run(...args)).toBe(3);
    expect(at.stderr()).toMatch(/had more than [12] attempts?: see/);
    expect(at.stdout()).toBe("");
  });

  it("says when there is no such task", async () => {
    await twoJobs();
    expect(await at.run("logs", "1", "nix")).toBe(3);
    expect(at.stderr()).toContain("qrew tasks 1");
  });

  it("are text as JSON, or base64 where they are no text", async () => {
    await twoJobs();
    expect(await at.run("logs", "1", "--json")).toBe(0);
    expect(at.json()).toMatchObject({
      version: 1,
      jobId: 1,
      outputs: [
        { task: "part[2]", attempt: 1, stream: "stdout", text: "second", base64: null, cutBytes: 0 },
        { task: "part[1]", text: "first\n" },
        { task: "good", text: null, base64: BINARY.toString("base64") },
      ],
    });
  });
});

describe("wait and cancel", () => {
  it("need no manager for jobs that have ended", async () => {
    await twoJobs();
    expect(await at.run("wait", "1")).toBe(1);
    expect(at.stdout()).toContain("job 1 (study) failed");
    const both = recorder(home);
    const ended = { state: "succeeded", finishedAtMs: 9_000, tasks: counts({ succeeded: 5 }) } as const;
    await stateFolder(home.folder).addJob({ job: jobSeq(3), ...ended }, DOCUMENT);
    expect(await both.run("wait", "1", "3", "1")).toBe(1);
    expect(both.stdout().trimEnd().split("\n").length).toBe(2);
    const good = recorder(home);
    expect(await good.run("wait", "3")).toBe(0);
    const cancelled = recorder(home);
    expect(await cancelled.run("cancel", "1")).toBe(0);
    expect(cancelled.stdout()).toContain("had already ended: failed");
  });
});

describe("validate", () => {
  const file = (name: string, text: string): string => {
    const place = path.join(home.folder, name);
    writeFileSync(place, text);
    return place;
  };

  it("counts the tasks of a valid document", async () => {
    expect(await at.run("validate", file("good.json", JSON.stringify(DOCUMENT)))).toBe(0);
    expect(at.stdout()).toContain("is valid: 5 tasks");
  });

  it("lists every fault with its place", async () => {
    const bad = file(
      "bad.yaml",
      "tasks:\n  - name: a\n    command: x\n    depends: b\n  - name: a\n    comand: y\n",
    );
    expect(await at.run("validate", bad)).toBe(2);
    const lines = at.stderr().split("\n");
    expect(lines.length).toBeGreaterThanOrEqual(4);
    expect(lines[1]).toMatch(/bad\.yaml:\d+:\d+: /);
    const json = recorder(home);
    expect(await json.run("validate", bad, "--json")).toBe(2);
    expect(json.json()).toMatchObject({
      version: 1,
      ok: false,
      total: 4,
    });
  });

  it("says when there is no file, or none that is a document", async () => {
    expect(await at.run("validate", path.join(home.folder, "nix.yaml"))).toBe(3);
    expect(await at.run("validate", home.folder)).toBe(2);
  });
});

describe("daemon status", () => {
  it("of none is 4, with words and as JSON", async () => {
    expect(await at.run("daemon", "status")).toBe(4);
    expect(at.stdout()).toContain("no daemon runs");
    const json = recorder(home);
    expect(await json.run("daemon", "status", "--json")).toBe(4);
    expect(json.json()).toEqual({ version: 1, running: false, home: home.folder });
  });
});

describe("wrong use", () => {
  it.each([
    [[], "A command is missing"],
    [["rnu"], "Did you mean run?"],
    [["run"], "write a command after --"],
    [["jobs", "--limt", "3"], "qrew jobs --help"],
    [["jobs", "--limit", "many"], "--limit is a whole number"],
    [["daemon", "stpo"], "qrew daemon --help"],
    [["daemon", "start", "--cpus", "0"], "--cpus is a number"],
    [["daemon", "start", "--memory", "much"], "--memory is a size"],
    [["daemon", "stop", "--timeout", "soon"], "--timeout is a time"],
  ])("%j is explained in one sentence", async (args, text) => {
    expect(await at.run(...args)).toBe(2);
    expect(at.stderr()).toContain(text);
    expect(at.stderr().trimEnd().split("\n").length).toBe(1);
    expect(at.stdout()).toBe("");
  });
});
