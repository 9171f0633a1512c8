import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { JobView } from "../../../src/client/jobView.ts";
import { jobSeq } from "../../../protocol/ids.ts";
import { watchLine, watchView } from "../../../src/cli/view/watchView.ts";
import { displayWidth } from "../../../src/cli/view/text.ts";
import { makeHome, type TestHome } from "../client/fakeManager.ts";
import { counts, jobRecord } from "../client/records.ts";
import { stateFolder } from "../client/stateFolder.ts";
import { ascii, recorder } from "./recorder.ts";

const job = (number: number, fields: Partial<JobView>): JobView =>
  jobRecord({ job: jobSeq(number), name: `n${number}`, ...fields });
const ended = { state: "succeeded", finishedAtMs: 4_000, tasks: counts({ succeeded: 2 }) } as const;

const JOBS: readonly JobView[] = [
  job(9, { state: "queued", startedAtMs: null, tasks: counts({ waiting: 3 }) }),
  job(8, { state: "running", tasks: counts({ succeeded: 6, failed: 1, running: 1, waiting: 2 }) }),
  job(7, { state: "running", name: "a rather long name of a job", tasks: counts({ running: 1 }) }),
  ...[6, 5, 4, 3, 2, 1].map((number) => job(number, ended)),
];
const options = { style: ascii(100), rows: 24, nowMs: 12_000, daemonRuns: true };
const numbers = (lines: readonly string[]): readonly string[] =>
  lines.slice(1).flatMap((line) => /^\s*(\d+) /.exec(line)?.slice(1) ?? []);

describe("watch", () => {
  it("shows what runs, then what waits, then what ended last", () => {
    const lines = watchView(JOBS, options);
    expect(lines[0]).toMatch(/^2 running, 1 queued {2}/);
    expect(numbers(lines)).toEqual(["7", "8", "9", "6", "5", "4", "3", "2"]);
    expect(lines[2]).toMatch(/^8 running {3}n8 +#+x+>+\.+ +7\/10 +10\.0s {2}1 failed$/);
  });

  it.each([20, 30, 50, 79, 200])("fits %j columns", (columns) => {
    for (const line of watchView(JOBS, { ...options, style: ascii(columns) }))
      expect(displayWidth(line)).toBeLessThanOrEqual(columns);
  });

  it("fits the rows, and says how many are left out", () => {
    const lines = watchView(JOBS, { ...options, rows: 6 });
    expect(lines.length).toBeLessThanOrEqual(6);
    expect(lines.at(-1)).toContain("and 5 more jobs");
  });

  it("says when nobody works on what is open, and when nothing is", () => {
    expect(watchView(JOBS, { ...options, daemonRuns: false })[0]).toContain("no daemon runs");
    expect(watchView([], { ...options, daemonRuns: false })[0]).toMatch(/^no open job {2}[^n]*$/);
  });

  it("is a line for each job where nothing can be redrawn", () => {
    expect(JOBS.slice(1, 2).map(watchLine)).toEqual(["job 8 (n8) running: 7 of 10 done, 1 failed"]);
  });
});

describe("qrew watch", () => {
  let home: TestHome;
  beforeEach(() => {
    home = makeHome();
  });
  afterEach(() => home.remove());

  it.each([false, true])("of jobs that have ended ends (on a terminal: %j)", async (canRedraw) => {
    const document = [{ name: "a", command: "true" }];
    await stateFolder(home.folder).addJob({ ...ended, job: jobSeq(1), name: "study" }, document);
    const at = recorder(home, { canRedraw });
    expect(await at.run("watch", "1")).toBe(0);
    expect(at.stdout() + at.stderr()).toContain("study");
  });

  it("without jobs ends at Ctrl-C", async () => {
    const at = recorder(home, { canRedraw: true });
    const watching = at.run("watch");
    await at.noted("no open job");
    at.signal("SIGINT");
    expect(await watching).toBe(0);
  });
});
