import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { jobSeq, taskIndex } from "../../../protocol/ids.ts";
import { firstFailures } from "../../../src/client/failures.ts";
import type { JobView } from "../../../src/client/jobView.ts";
import { StateReader } from "../../../src/client/read.ts";
import { lastLines, outputPieces, outputTail } from "../../../src/client/readOutput.ts";
import { bootId, ownStartTime } from "../../../src/node/process.ts";
import { makeHome, type TestHome } from "./fakeManager.ts";
import { counts, taskRecord } from "./records.ts";
import { SEAT, type StateFolder, stateFolder } from "./stateFolder.ts";

let home: TestHome;
let state: StateFolder;
let reader: StateReader;

beforeEach(() => {
  home = makeHome();
  state = stateFolder(home.folder);
  reader = new StateReader(home.folder);
});

afterEach(async () => {
  await reader.close();
  home.remove();
});

const CHAIN = {
  name: "chain",
  tasks: [
    { name: "first", command: "true" },
    { name: "part", command: "true", depends: ["first"], foreach: { i: { range: [1, 3] } } },
    {
      name: "check",
      command: "true",
      depends: [{ task: "part", same: "index" }],
      foreach: { i: { range: [1, 3] } },
    },
    { name: "last", command: "true", depends: ["check"], retry: { limit: 2 } },
  ],
};

function job(number: number): JobView {
  const found = reader.job(jobSeq(number));
  if (found === null) throw new Error(`no job ${number}`);
  return found;
}

const unpaused = {
  planRound: 1,
  attemptFloor: 0,
  cancelRequested: false,
  pause: "off",
  parked: false,
  suspendedMs: 0,
  suspendedSinceMs: null,
} as const;

describe("readers", () => {
  it("of one process share the stores, and the last one closes them", async () => {
    await state.addJob({ job: jobSeq(1) }, CHAIN);
    const other = new StateReader(home.folder);
    expect([reader.lastJob(), other.lastJob()]).toEqual([1, 1]);
    await reader.close();
    expect(other.lastJob()).toBe(1);
    await other.close();
    // Only a store that nobody has open can be opened to be written.
    await state.addJob({ job: jobSeq(2) }, CHAIN);
    expect(reader.lastJob()).toBe(2);
  });
});

describe("jobs", () => {
  it("are none in an empty folder", async () => {
    const empty = makeHome();
    const none = new StateReader(empty.folder);
    expect(none.jobs(20)).toEqual({ jobs: [], more: 0 });
    expect(none.lastJob()).toBe(null);
    expect(none.job(jobSeq(1))).toBe(null);
    expect(none.holder()).toBe(null);
    await none.close();
    empty.remove();
  });

  it("come newest first, with the number of those left out", async () => {
    for (const number of [1, 2, 3, 4, 5]) await state.addJob({ job: jobSeq(number), seat: null }, CHAIN);
    const page = reader.jobs(2);
    expect(page.jobs.map((one) => one.job)).toEqual([5, 4]);
    expect(page.more).toBe(3);
    expect(reader.lastJob()).toBe(5);
  });

  it("have the counts of their QWorker while they run, and its end", async () => {
    await state.addJob({ job: jobSeq(1), state: "running", tasks: counts({ waiting: 8 }) }, CHAIN);
    const base = { job: jobSeq(1), round: 1, priority: 0, ...unpaused, seq: 9, detail: null };
    const fresher = counts({ succeeded: 3, waiting: 5 });
    await state.setWorkerJob({ ...base, state: "running", tasks: fresher, finishedAtMs: null });
    expect(job(1)).toMatchObject({ state: "running", tasks: fresher, finishedAtMs: null });
    const ended = counts({ succeeded: 7, failed: 1 });
    await reader.close();
    await state.setWorkerJob({ ...base, state: "failed", tasks: ended, finishedAtMs: 5_000 });
    expect(job(1)).toMatchObject({ state: "failed", tasks: ended, finishedAtMs: 5_000 });
    // The manager has not heard of it.
    expect(reader.isSettled(jobSeq(1))).toBe(false);
  });

  it("ignore what the QWorker has of an earlier round", async () => {
    await state.addJob({ job: jobSeq(1), state: "queued", round: 2, tasks: counts({ waiting: 8 }) }, CHAIN);
    const old = { job: jobSeq(1), round: 1, priority: 0, ...unpaused, seq: 9, detail: null };
    await state.setWorkerJob({ ...old, state: "failed", tasks: counts({ failed: 8 }), finishedAtMs: 5_000 });
    expect(job(1)).toMatchObject({ state: "queued", tasks: { waiting: 8 } });
  });
});

describe("the holder", () => {
  it("counts only while exactly that process lives", async () => {
    const holder = {
      pid: process.pid,
      startTime: ownStartTime(),
      bootId: bootId(),
      epoch: 1,
      packageVersion: "0.1.0",
      startedAtMs: 1,
      leaving: false,
    };
    await state.setHolder(holder);
    expect(reader.holder()).toEqual(holder);
    await reader.close();
    await state.setHolder({ ...holder, startTime: "1" });
    expect(reader.holder()).toBe(null);
    await reader.close();
    await state.setHolder({ ...holder, bootId: "another boot" });
    expect(reader.holder()).toBe(null);
  });
});

describe("tasks", () => {
  it("of a queued job are waiting, but for those that depend on nothing", async () => {
    await state.addJob({ job: jobSeq(1), seat: null, state: "queued", tasks: counts({ waiting: 8 }) }, CHAIN);
    const tasks = [...reader.tasks(job(1)).each()];
    expect(tasks.map(({ name, state: now, attempt }) => `${name} ${now} ${attempt}`)).toEqual([
      "first ready 0",
      "part[1] waiting 0",
      "part[2] waiting 0",
      "part[3] waiting 0",
      "check[1] waiting 0",
      "check[2] waiting 0",
      "check[3] waiting 0",
      "last waiting 0",
    ]);
  });

  it("without a record are ready when all that they depend on has succeeded", async () => {
    await state.addJob(
      { job: jobSeq(1), state: "running", tasks: counts({ succeeded: 2, running: 1, waiting: 5 }) },
      CHAIN,
      [
        { name: "first", record: taskRecord({}) },
        { name: "part[2]", record: taskRecord({}) },
        { name: "part[3]", record: taskRecord({ state: "running", finishedSeq: null, finishedAtMs: null }) },
      ],
    );
    const states = [...reader.tasks(job(1)).each()].map(({ name, state: now }) => `${name} ${now}`);
    expect(states).toEqual([
      "first succeeded",
      "part[1] ready",
      "part[2] succeeded",
      "part[3] running",
      "check[1] waiting",
      "check[2] ready",
      "check[3] waiting",
      "last waiting",
    ]);
  });

  it("are found by name, an array by the name of its task", async () => {
    await state.addJob({ job: jobSeq(1) }, CHAIN);
    const tasks = reader.tasks(job(1));
    expect(tasks.find("check[2]")).toBe(5);
    expect(tasks.find("check")).toBe(null);
    expect(tasks.elements("check")).toEqual([4, 5, 6]);
    expect(tasks.elements("last")).toEqual([]);
  });

  it("have all their attempts, the latest last, and say why each ended", async () => {
    const failed = (attempt: number, exitCode: number) =>
      taskRecord({ attempt, state: "backoff", exitCode, reason: { type: "exited", exitCode } });
    await state.addJob({ job: jobSeq(1) }, CHAIN, [
      { name: "last", record: taskRecord({ attempt: 3 }), earlier: [failed(1, 7), failed(2, 8)] },
    ]);
    const tasks = reader.tasks(job(1));
    const attempts = tasks.attempts(taskIndex(7));
    expect(attempts.map(({ attempt, reason }) => [attempt, reason])).toEqual([
      [1, "exit code 7"],
      [2, "exit code 8"],
      [3, null],
    ]);
    expect(tasks.task(taskIndex(7))).toMatchObject({
      name: "last",
      attempt: 3,
      attemptsMax: 3,
      reason: null,
    });
  });

  it("are refused as damaged when the plan is missing", async () => {
    await state.addJob({ job: jobSeq(1) }, CHAIN);
    expect(() => reader.tasks({ ...job(1), job: jobSeq(2) })).toThrow(/plan of job 2 is missing/);
  });
});

describe("failures", () => {
  it("are the first ones, with the last lines of stderr, or of stdout where that is empty", async () => {
    const failed = (finishedSeq: number) =>
      taskRecord({ state: "failed", finishedSeq, exitCode: 1, reason: { type: "exited", exitCode: 1 } });
    await state.addJob({ job: jobSeq(1), state: "failed", tasks: counts({ failed: 4, skipped: 4 }) }, CHAIN, [
      { name: "first", record: failed(40), stderr: "late\n" },
      { name: "part[1]", record: failed(20), stdout: "said so\n", stderr: "" },
      { name: "part[2]", record: failed(10), stderr: `${"noise\n".repeat(100)}the end\n\n` },
      { name: "part[3]", record: failed(30) },
    ]);
    const found = firstFailures(reader, reader.tasks(job(1)), 3);
    expect(found.map(({ task }) => task.name)).toEqual(["part[2]", "part[1]", "part[3]"]);
    expect(found[0]?.excerpt).toEqual({
      stream: "stderr",
      lines: [...Array.from({ length: 9 }, () => "noise"), "the end"],
    });
    expect(found[1]?.excerpt).toEqual({ stream: "stdout", lines: ["said so"] });
    expect(found[2]?.excerpt).toBe(null);
  });
});

describe("output", async () => {
  it("comes back byte for byte, from the store and from a file", async () => {
    const bytes = randomBytes(700_000);
    const file = path.join(home.folder, "long.out");
    writeFileSync(file, bytes);
    await state.addJob({ job: jobSeq(1) }, CHAIN, [
      { name: "first", record: taskRecord({}), stdout: bytes.subarray(0, 30_000) },
    ]);
    const inline = reader.output(job(1), taskIndex(0), 1, "stdout");
    const long = { type: "file", path: file, sizeBytes: bytes.length, cutBytes: 0 } as const;
    for (const [output, expected] of [
      [inline, bytes.subarray(0, 30_000)],
      [long, bytes],
    ] as const) {
      if (output === null) throw new Error("no output");
      const pieces: Uint8Array[] = [];
      for await (const piece of outputPieces(output)) pieces.push(piece);
      expect(Buffer.concat(pieces).equals(expected)).toBe(true);
      expect(Buffer.from(outputTail(output, 1000)).equals(expected.subarray(-1000))).toBe(true);
    }
    expect(reader.output(job(1), taskIndex(0), 1, "stderr")).toBe(null);
    expect(SEAT).toBe(0);
  });

  it("says so when its file was removed", async () => {
    const gone = { type: "file", path: path.join(home.folder, "gone"), sizeBytes: 5, cutBytes: 0 } as const;
    expect(() => outputTail(gone, 10)).toThrow(expect.objectContaining({ code: "notFound" }));
    await expect(outputPieces(gone).next()).rejects.toMatchObject({ code: "notFound" });
  });

  it.each([
    ["", []],
    ["one", ["one"]],
    ["one\ntwo\r\nthree\n\n \n", ["two", "three"]],
    ["10%\r50%\r100%\ndone\n", ["100%", "done"]],
    ["\xff\xfe", ["\ufffd\ufffd"]],
  ])("of %j has the last lines %j", (text, lines) => {
    expect(lastLines(Buffer.from(text, "latin1"), 2)).toEqual(lines);
  });
});
