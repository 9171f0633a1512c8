import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { OUTPUT_BYTES_MAX } from "../../../protocol/limits.ts";
import { jobSeq, spoolFileName, spoolFolderName, taskIndex } from "../../../protocol/ids.ts";
import { followOutput, type OutputPiece, positionIn } from "../../../src/client/followOutput.ts";
import { StateReader } from "../../../src/client/read.ts";
import { TaskWindow } from "../../../src/client/taskWindow.ts";
import { makeHome, type TestHome } from "./fakeManager.ts";
import { counts, taskRecord } from "./records.ts";
import { SEAT, stateFolder } from "./stateFolder.ts";

const JOB = jobSeq(1);
const DOCUMENT = [{ name: "part", command: "true", foreach: { i: { range: [1, 4] } } }];
const RUNNING = { state: "running", finishedSeq: null, finishedAtMs: null, exitCode: null } as const;

let home: TestHome;
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.remove());

const spoolFile = (task: number, attempt: number): string => {
  const folder = path.join(home.folder, spoolFolderName(SEAT));
  mkdirSync(folder, { recursive: true });
  return path.join(folder, spoolFileName({ job: JOB, task: taskIndex(task), attempt }, "stdout"));
};

/** `part[1] a` for each piece, `part[1] .` for each end. */
async function told(pieces: AsyncIterable<OutputPiece>, count = Number.POSITIVE_INFINITY): Promise<string[]> {
  const texts: string[] = [];
  for await (const { name, attempt, bytes, isLast } of pieces) {
    texts.push(`${name}/${attempt} ${isLast ? "." : Buffer.from(bytes).toString()}`);
    if (texts.length >= count) break;
  }
  return texts;
}

describe("following output", () => {
  it("tells what running attempts write, then what is left, and each byte once", async () => {
    const state = stateFolder(home.folder);
    const open = { job: JOB, seat: SEAT, state: "running", tasks: counts({ running: 1, ready: 3 }) } as const;
    await state.addJob(open, DOCUMENT, [{ name: "part[1]", record: taskRecord(RUNNING) }]);
    writeFileSync(spoolFile(0, 1), "one ");
    const reader = new StateReader(home.folder);
    const pieces = followOutput(reader, JOB, { streams: ["stdout"] });
    expect((await pieces.next()).value).toMatchObject({ name: "part[1]", bytes: Buffer.from("one ") });
    appendFileSync(spoolFile(0, 1), "two ");
    expect((await pieces.next()).value).toMatchObject({ bytes: Buffer.from("two ") });
    await reader.close();
    await state.addJob({ ...open, state: "failed", finishedAtMs: 9_000 }, DOCUMENT, [
      {
        name: "part[1]",
        record: taskRecord({ attempt: 2, state: "failed" }),
        earlier: [taskRecord({ state: "backoff" })],
        stdout: "again",
      },
      { name: "part[3]", record: taskRecord({}), stdout: "third" },
      { name: "part[4]", record: taskRecord({ state: "skipped", attempt: 0 }) },
    ]);
    expect(await told(pieces)).toEqual([
      "part[1]/1 .",
      "part[1]/2 again",
      "part[1]/2 .",
      "part[3]/1 third",
      "part[3]/1 .",
    ]);
    await reader.close();
  });

  it("of some tasks leaves the others out, and ends with them", async () => {
    const state = stateFolder(home.folder);
    const open = { job: JOB, seat: SEAT, state: "running", tasks: counts({ running: 4 }) } as const;
    await state.addJob(open, DOCUMENT, [
      { name: "part[1]", record: taskRecord(RUNNING) },
      { name: "part[2]", record: taskRecord({}), stdout: "second" },
      { name: "part[3]", record: taskRecord({}), stdout: "third" },
      { name: "part[4]", record: taskRecord({}), stdout: "fourth" },
    ]);
    const reader = new StateReader(home.folder);
    const tasks = [taskIndex(1), taskIndex(3)];
    expect(await told(followOutput(reader, JOB, { tasks, streams: ["stdout"] }))).toEqual([
      "part[2]/1 second",
      "part[2]/1 .",
      "part[4]/1 fourth",
      "part[4]/1 .",
    ]);
    await reader.close();
  });

  it("ends when it is told to", async () => {
    await stateFolder(home.folder).addJob(
      { job: JOB, state: "queued", tasks: counts({ waiting: 4 }) },
      DOCUMENT,
    );
    const reader = new StateReader(home.folder);
    const leave = new AbortController();
    const ended = told(followOutput(reader, JOB, { streams: ["stdout"], signal: leave.signal }));
    leave.abort();
    expect(await ended).toEqual([]);
    await reader.close();
  });
});

describe("a file out of whose middle bytes were cut", () => {
  const half = OUTPUT_BYTES_MAX / 2;
  const mark = 40;
  const output = { sizeBytes: OUTPUT_BYTES_MAX + mark, cutBytes: 1000 };

  it.each([
    [0, 0],
    [half, half],
    [half + 1, half],
    [half + 999, half],
    [half + 1000, half + mark],
    [half + 1500, half + mark + 500],
    [OUTPUT_BYTES_MAX + 1000, OUTPUT_BYTES_MAX + mark],
  ])("after %j bytes goes on at %j", (before, position) => {
    expect(positionIn(output, before)).toBe(position);
  });

  it("is read from where one was, if nothing was cut", () => {
    expect(positionIn({ sizeBytes: 10, cutBytes: 0 }, 7)).toBe(7);
  });
});

describe("the window of tasks", () => {
  it("moves when the first of them are done, in whatever order", () => {
    const window = new TaskWindow(2, 6);
    for (const [task, first] of [
      [3, 2],
      [2, 4],
      [5, 4],
      [4, 6],
    ] as const) {
      window.done(task);
      expect(window.first).toBe(first);
    }
    expect(window.isDone).toBe(true);
  });
});
