import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jobSeq } from "../../../protocol/ids.ts";
import { progressBar, shareCells } from "../../../src/cli/view/bar.ts";
import { daemonView } from "../../../src/cli/view/daemonView.ts";
import { failureView } from "../../../src/cli/view/failureView.ts";
import { jobTable } from "../../../src/cli/view/jobTable.ts";
import { liveView } from "../../../src/cli/view/liveView.ts";
import { plainProgressLine } from "../../../src/cli/view/plainView.ts";
import { addChange, taskRate } from "../../../src/cli/view/progress.ts";
import { paintLine, span } from "../../../src/cli/view/style.ts";
import { summaryLine } from "../../../src/cli/view/summaryView.ts";
import { layOutTasks, taskLines } from "../../../src/cli/view/taskTable.ts";
import { clip, displayWidth, formatNumber, printable } from "../../../src/cli/view/text.ts";
import { formatAge, formatDuration } from "../../../src/cli/view/time.ts";
import type { JobChange } from "../../../src/client/follow.ts";
import { counts, jobRecord, summary, taskView as task } from "../client/records.ts";
import { ascii, PLAIN } from "./recorder.ts";

describe("text", () => {
  it.each([
    ["abc", 3],
    ["日本", 4],
    ["e\u0301", 1],
    ["🙂", 2],
    ["", 0],
  ])("%j takes %j columns", (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });

  it("has thin groups in its numbers", () => {
    fc.assert(fc.property(fc.nat(), (value) => formatNumber(value) === value.toLocaleString("en-US")));
  });

  it("is cut to its columns, whatever they are", () => {
    expect(clip("abcdef", 4)).toBe("abc…");
    expect(clip("日本語", 4)).toBe("日…");
    expect(clip("abc", 0)).toBe("");
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 0, max: 20 }), (text, columns) => {
        const line = printable(text);
        const fits = displayWidth(line) <= columns;
        expect(displayWidth(clip(line, columns))).toBeLessThanOrEqual(columns);
        expect(clip(line, columns) === line).toBe(fits);
      }),
    );
  });

  it.each([
    ["\u001b[31mred\u001b[0m", "red"],
    ["\u001b]0;title\u0007text", "text"],
    ["a\tb", "a       b"],
    ["bell\u0007 back\b", "bell back"],
    ["\u202eevil", "evil"],
    ["\u001b[2J\u001b[1;1Htop", "top"],
    ["\u009b31mred", "31mred"],
  ])("%j is shown as %j", (text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it("never has a control character when it is printable", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(printable(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
      }),
    );
  });
});

describe("time", () => {
  it.each([
    [0, "0ms"],
    [340, "340ms"],
    [4_230, "4.2s"],
    [59_960, "1m 00s"],
    [187_000, "3m 07s"],
    [3_599_900, "1h 00m"],
    [18_720_000, "5h 12m"],
    [187_200_000, "2d 4h"],
    [-5, "0ms"],
  ])("%j ms is %j", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it.each([
    [999, "0s"],
    [61_000, "1m"],
    [7_200_000, "2h"],
    [172_800_000, "2d"],
  ])("an age of %j ms is %j", (ms, text) => {
    expect(formatAge(ms)).toBe(text);
  });
});

describe("the bar", () => {
  it("has exactly its columns, and a cell for whatever there is", () => {
    const amounts = fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(amounts, fc.integer({ min: 10, max: 60 }), (parts, columns) => {
        const cells = shareCells(parts, columns);
        expect(cells.reduce((sum, cell) => sum + cell, 0)).toBe(columns);
        const isSome = parts.some((part) => part > 0);
        expect(cells.map((cell) => cell > 0)).toEqual(
          parts.map((part, index) => (isSome ? part > 0 : index === parts.length - 1)),
        );
      }),
    );
  });

  it("shows a failure among thousands, and is not full before the end", () => {
    const tasks = counts({ succeeded: 9_998, failed: 1, waiting: 1 });
    const bar = progressBar(tasks, 20, ascii(80)).map(({ text }) => text);
    expect(bar.join("")).toBe(`${"#".repeat(18)}x.`);
  });
});

describe("the live view", () => {
  const change: JobChange = {
    summary: summary({
      job: jobSeq(7),
      name: "analysis",
      tasks: counts({ waiting: 100, running: 2, succeeded: 96, failed: 2 }),
    }),
    running: [
      { name: "young", attempt: 2, startedAtMs: 9_000 },
      { name: "old", attempt: 1, startedAtMs: 3_000 },
    ],
  };
  const view = (columns: number, rows: number): readonly string[] =>
    liveView(addChange(null, change, 10_000), { style: ascii(columns), rows, nowMs: 12_000, doing: null });

  it("shows bar, counts, rate and the tasks that run, the oldest first", () => {
    expect(view(60, 24)).toEqual([
      "job 7 analysis  running  10.0s  0.0 tasks/s  10.4s left",
      `  ${"#".repeat(19)}x>${".".repeat(19)}  98/200  49%`,
      "  96 succeeded, 2 failed, 2 running, 100 waiting",
      "    9s  old",
      "    3s  young (attempt 2)",
    ]);
  });

  it("fits every terminal", () => {
    for (let columns = 1; columns < 90; columns += 1) {
      for (const rows of [1, 2, 5, 6, 24]) {
        const lines = view(columns, rows);
        expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 1));
        for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
      }
    }
  });

  it("says how many more run than it names", () => {
    const many = {
      summary: summary({ tasks: counts({ running: 1_203 }) }),
      running: Array.from({ length: 9 }, (_, index) => ({
        name: `t${index}`,
        attempt: 1,
        startedAtMs: index,
      })),
    };
    const lines = liveView(addChange(null, many, 0), {
      style: PLAIN,
      rows: 24,
      nowMs: 10,
      doing: "cancelling",
    });
    expect(lines.length).toBe(3 + 8 + 1);
    expect(lines.at(-1)).toContain("and 1,195 more");
    expect(lines[0]).toContain("cancelling");
  });
});

describe("progress", () => {
  const at = (succeeded: number): JobChange => ({
    summary: summary({ tasks: counts({ succeeded, waiting: 1_000 - succeeded }) }),
    running: [],
  });

  it("has the rate of the last seconds", () => {
    let progress = addChange(null, at(0), 0);
    expect(taskRate(progress, 0)).toBe(null);
    for (let second = 1; second <= 30; second += 1)
      progress = addChange(progress, at(second * 2), second * 1000);
    expect(taskRate(progress, 30_000)).toBe(2);
    // Nothing happens any more: it goes down.
    expect(taskRate(progress, 40_000)).toBe(1);
    expect(progress.samples.length).toBeLessThanOrEqual(41);
  });

  it("stays bounded under any number of changes", () => {
    let progress = addChange(null, at(0), 0);
    for (let ms = 1; ms <= 20_000; ms += 1) progress = addChange(progress, at(ms % 1000), ms);
    expect(progress.samples.length).toBeLessThanOrEqual(42);
  });
});

describe("lines", () => {
  it("tell the progress without a terminal", () => {
    const change = {
      summary: summary({ tasks: counts({ succeeded: 11, failed: 1, running: 2, waiting: 26 }) }),
      running: [],
    };
    expect(plainProgressLine(addChange(null, change, 6_200), 6_200)).toBe(
      "job 1 (demo): 12 of 40 done, 2 running, 1 failed, 4.2s",
    );
  });

  it.each([
    [counts({ succeeded: 40 }), "succeeded", "job 1 (demo) succeeded: 40 tasks in 8.0s, 5.0 tasks/s"],
    [counts({ succeeded: 1 }), "succeeded", "job 1 (demo) succeeded: 1 task in 8.0s"],
    [
      counts({ succeeded: 3, failed: 1, skipped: 2 }),
      "failed",
      "job 1 (demo) failed: 3 succeeded, 1 failed, 2 skipped of 6 tasks in 8.0s, 0.5 tasks/s",
    ],
  ] as const)("sum up %j", (tasks, state, text) => {
    expect(summaryLine(summary({ state, tasks, finishedAtMs: 10_000 }), PLAIN)).toBe(text);
  });

  it("sums up a further round without a rate, as not all of it ran again", () => {
    const ended = summary({ state: "succeeded", tasks: counts({ succeeded: 40 }), finishedAtMs: 10_000 });
    expect(summaryLine(ended, PLAIN, 2)).toBe("job 1 (demo) succeeded in round 2: 40 tasks in 8.0s");
  });
});

describe("tables", () => {
  it("list jobs, and leave columns out where there is no room", () => {
    const jobs = [
      jobRecord({
        job: jobSeq(12),
        name: "a rather long name of a job",
        state: "failed",
        finishedAtMs: 4_000,
        tasks: counts({ succeeded: 3, failed: 1 }),
      }),
      jobRecord({ job: jobSeq(2), name: "short", tasks: counts({ running: 1, waiting: 3 }) }),
    ];
    expect(jobTable(jobs, 62_000, ascii(80))).toEqual([
      "JOB  STATE    NAME                         TASKS  FAILED    TIME  SUBMITTED",
      " 12  failed   a rather long name of a job      4       1    2.0s  1m ago",
      "  2  running  short                          0/4          1m 00s  1m ago",
    ]);
    // The name becomes shorter first; then columns leave, the least needed first.
    expect(jobTable(jobs, 62_000, ascii(61))[1]).toBe(
      " 12  failed   a rather lon~      4       1    2.0s  1m ago",
    );
    expect(jobTable(jobs, 62_000, ascii(55))[1]).toBe(
      " 12  failed   a rather long nam~      4       1    2.0s",
    );
    const narrow = jobTable(jobs, 62_000, ascii(30));
    expect(narrow[0]).not.toContain("SUBMITTED");
    expect(narrow[1]).toContain("12  failed");
    for (const line of narrow) expect(displayWidth(line)).toBeLessThanOrEqual(30);
  });

  it("list tasks within any terminal", () => {
    const tasks = [
      task({ usage: { userSeconds: 1, systemSeconds: 0.25, maxRssBytes: 5 * 1024 * 1024 } }),
      task({ name: "x".repeat(200), state: "failed", attempt: 3, attemptsMax: 3, reason: "signal SIGSEGV" }),
      task({ name: "later", state: "waiting", attempt: 0, startedAtMs: null, finishedAtMs: null }),
    ];
    for (let columns = 1; columns < 120; columns += 7) {
      const style = ascii(columns);
      const lines = taskLines(layOutTasks(tasks, 5_000, style), tasks, 5_000, style);
      for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
    }
    const [first, second] = taskLines(layOutTasks(tasks, 5_000, PLAIN), tasks, 5_000, PLAIN);
    expect(first).toMatch(/^build .* succeeded .* 1\.5s +1\.3s +5 MiB$/);
    expect(second).toMatch(/failed +3 of 3 .*signal SIGSEGV$/);
  });
});

describe("a failure", () => {
  it("names the task, why, which attempt, and the last lines without what harms a terminal", () => {
    const failure = {
      task: task({ name: "flaky", state: "failed", attempt: 3, attemptsMax: 3, reason: "exit code 7" }),
      excerpt: { stream: "stderr", lines: ["\u001b[31mboom\u001b[0m"] },
    } as const;
    expect(failureView(failure, ascii(80))).toEqual([
      "task flaky failed: exit code 7 (attempt 3 of 3)",
      "    last lines of stderr:",
      "    | boom",
    ]);
  });
});

describe("the daemon", () => {
  it("lists its processes and what they hold", () => {
    const resources = { cpusMilli: 2000, memoryBytes: 1024 ** 3, gpusMilli: 0, named: {} };
    const text = daemonView(
      {
        packageVersion: "0.1.0",
        instance: "i",
        epoch: 1,
        startedAtMs: 0,
        draining: false,
        transient: true,
        capacity: resources,
        lent: { ...resources, cpusMilli: 1000 },
        jobs: { queued: 3, running: 1, parked: 0 },
        processes: [
          { role: "manager", pid: 10, seat: null, forkserver: null },
          {
            role: "forkserver",
            pid: 13,
            seat: 0,
            forkserver: {
              pid: 13,
              flavour: "c",
              runningAttempts: 1,
              runningCpusMilli: 1000,
              queuedAttempts: 4,
              heldAttempts: 0,
            },
          },
        ],
        refusedFrames: { malformed: 2 },
      },
      "/state",
      65_000,
      ascii(100),
    ).join("\n");
    expect(text).toContain("leaves when idle");
    expect(text).toContain("1 running, 3 queued");
    expect(text).toContain("2 malformed frames");
    expect(text).toMatch(/forkserver +0 +13 +1 attempt on 1 cpu, 4 queued, 0 held \(c\)/);
  });
});

describe("colours", () => {
  it("go around the text and not into its width", () => {
    const style = { colour: true, unicode: true, columns: 5 };
    expect(paintLine([span("abc", "good"), span("defg", "bad")], style)).toBe(
      "\u001b[32mabc\u001b[0m\u001b[31md…\u001b[0m",
    );
    expect(paintLine([span("abc", "good")], { ...style, colour: false })).toBe("abc");
  });
});
