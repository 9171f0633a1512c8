import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ClientRequest, DaemonReport } from "../../../protocol/clientLink.ts";
import type { JobState, TaskCounts } from "../../../protocol/fields.ts";
import { jobSeq } from "../../../protocol/ids.ts";
import { WHOLE_DOCUMENT_BYTES_MAX } from "../../../protocol/limits.ts";
import {
  type Answer,
  type FakeManager,
  makeHome,
  openFakeManager,
  type Say,
  type TestHome,
} from "../client/fakeManager.ts";
import { counts, summary, taskRecord } from "../client/records.ts";
import { stateFolder } from "../client/stateFolder.ts";
import { type Recorder, recorder } from "./recorder.ts";
import { Screen } from "./screen.ts";

let home: TestHome;
let fake: FakeManager | null = null;
let file: string;
let at: Recorder;

const DOCUMENT = { name: "demo", tasks: [{ name: "one", command: "true" }] };

beforeEach(() => {
  home = makeHome();
  at = recorder(home);
  file = path.join(home.folder, "flow.json");
  writeFileSync(file, JSON.stringify(DOCUMENT));
});

afterEach(async () => {
  await fake?.close();
  fake = null;
  home.remove();
});

const JOB = jobSeq(1);

function tell(say: Say, request: number, state: JobState, tasks: TaskCounts): void {
  const finishedAtMs = state === "running" ? null : 3_000;
  const running = tasks.running > 0 ? [{ name: "one", attempt: 1, startedAtMs: Date.now() }] : [];
  say({ type: "jobChanged", request, summary: summary({ job: JOB, state, tasks, finishedAtMs }), running });
}

/** A manager that accepts one job; `more` answers the rest. */
async function manager(more: Answer): Promise<void> {
  fake = await openFakeManager(home, (asked, say) => {
    const { request } = asked;
    if (asked.type === "openSubmission")
      say({ type: "jobAccepted", request, job: JOB, tasks: 1, repeated: false });
    else more(asked, say);
  });
}

/** A manager under which the job runs until `end` is called. */
async function runningJob(): Promise<{ end(state: JobState, tasks: TaskCounts): void }> {
  let end = (_state: JobState, _tasks: TaskCounts): void => undefined;
  await manager((asked, say) => {
    if (asked.type !== "followJobs") return;
    tell(say, asked.request, "running", counts({ running: 1 }));
    end = (state, tasks) => tell(say, asked.request, state, tasks);
  });
  return { end: (state, tasks) => end(state, tasks) };
}

const asked = (type: ClientRequest["type"]): ClientRequest[] =>
  (fake?.asked ?? []).filter((request) => request.type === type);

describe("submit", () => {
  it("prints the number of the job and nothing else", async () => {
    await manager(() => undefined);
    expect(await at.run("submit", file)).toBe(0);
    expect(at.stdout()).toBe("1\n");
    const json = recorder(home);
    expect(await json.run("submit", file, "--json")).toBe(0);
    expect(json.json()).toEqual({ version: 1, jobId: 1, repeated: false });
  });

  it("takes along name, priority, folder, umask and environment", async () => {
    await manager(() => undefined);
    await at.run("submit", file, "--name", "mine", "--priority", "-5", "--dir", home.folder, "--clean-env");
    const [opened] = asked("openSubmission");
    expect(opened).toMatchObject({
      options: {
        name: "mine",
        priority: -5,
        source: file,
        directory: { type: "existing", path: home.folder },
        umask: process.umask(),
      },
    });
    if (opened?.type !== "openSubmission") throw new Error("nothing was opened");
    expect(opened.options.env["PATH"]).toBe(process.env["PATH"]);
    const kept = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ"];
    expect(Object.keys(opened.options.env).filter((name) => !kept.includes(name))).toEqual([]);
  });

  it("takes along the whole environment, but for what belongs to another task", async () => {
    process.env["QREW_TASK"] = "outer";
    process.env["PROJECT_SETTING"] = "yes";
    await manager(() => undefined);
    await at.run("submit", file, "--fresh-dir");
    delete process.env["QREW_TASK"];
    delete process.env["PROJECT_SETTING"];
    const [opened] = asked("openSubmission");
    expect(opened).toMatchObject({
      options: { directory: { type: "fresh" }, env: { PROJECT_SETTING: "yes" } },
    });
    expect(opened).not.toHaveProperty("options.env.QREW_TASK");
  });

  it("says when --cpus comes too late", async () => {
    const resources = { cpusMilli: 2000, memoryBytes: 0, gpusMilli: 0, named: {} };
    const report: DaemonReport = {
      packageVersion: "0.1.0",
      instance: "i",
      epoch: 1,
      startedAtMs: 0,
      draining: false,
      transient: true,
      capacity: resources,
      lent: resources,
      jobs: { queued: 0, running: 0, parked: 0 },
      processes: [],
      refusedFrames: {},
    };
    await manager(({ type, request }, say) => {
      if (type === "daemonStatus") say({ type: "daemonReport", request, report });
    });
    expect(await at.run("submit", file, "--daemon-cpus", "7")).toBe(0);
    expect(at.stderr()).toContain("with 2 cpus; --daemon-cpus 7 has no effect");
  });

  it.each([
    [["--priority", "high"], 2],
    [["--name", ""], 2],
    [["--name", "two\nlines"], 2],
    [["--dir", "x", "--fresh-dir"], 2],
    [["--dir", "/nonexistent/folder"], 3],
  ])("with %j ends before anything is sent", async (args, code) => {
    await manager(() => undefined);
    expect(await at.run("submit", file, ...args)).toBe(code);
    expect(fake?.asked).toEqual([]);
  });

  it("of a file that is not there finds nothing", async () => {
    expect(await at.run("submit", "nix.yaml")).toBe(3);
    expect(at.stderr()).toContain("There is no file nix.yaml");
  });
});

describe("run", () => {
  it("follows the job and ends as it did", async () => {
    const job = await runningJob();
    const code = at.run("run", file);
    await at.noted("1 running");
    job.end("succeeded", counts({ succeeded: 1 }));
    expect(await code).toBe(0);
    expect(at.stdout()).toMatch(/^job 1 \(demo\) succeeded: 1 task in 1\.0s\n$/);
    expect(at.stderr()).toMatch(/^job 1: 1 task\njob 1 \(demo\): 0 of 1 done, 1 running/);
  });

  it("shows the first errors of a job that failed", async () => {
    const record = { exitCode: 7, state: "failed", reason: { type: "exited", exitCode: 7 } } as const;
    await stateFolder(home.folder).addJob(
      { job: JOB, state: "failed", tasks: counts({ failed: 1 }) },
      DOCUMENT,
      [{ name: "one", record: taskRecord(record), stderr: "out of luck\n" }],
    );
    await manager((request, say) => {
      if (request.type === "followJobs") tell(say, request.request, "failed", counts({ failed: 1 }));
    });
    expect(await at.run("run", file)).toBe(1);
    expect(at.stdout()).toContain("job 1 (demo) failed: 1 failed of 1 task");
    expect(at.stdout()).toContain("task one failed: exit code 7");
    expect(at.stdout()).toContain("out of luck");
    expect(at.stdout()).toContain("next: qrew logs 1 one --stderr");
    const json = recorder(home);
    expect(await json.run("run", file, "--json")).toBe(1);
    expect(json.json()).toMatchObject({
      version: 1,
      id: 1,
      state: "failed",
      errors: [{ task: "one", exitCode: 7 }],
    });
  });

  it("leaves at once with --detach", async () => {
    await manager(() => undefined);
    expect(await at.run("run", file, "--detach")).toBe(0);
    expect(at.stdout()).toContain("qrew show 1");
    expect(asked("followJobs")).toEqual([]);
  });

  it("cancels on Ctrl-C and waits for the end", async () => {
    at = recorder(home, { canRedraw: true });
    let end = (): void => undefined;
    await manager((request, say) => {
      if (request.type === "followJobs") {
        tell(say, request.request, "running", counts({ running: 1 }));
        end = () => tell(say, request.request, "cancelled", counts({ cancelled: 1 }));
      }
      if (request.type !== "cancelJobs") return;
      say({ type: "cancelAccepted", request: request.request, jobs: [JOB] });
      end();
    });
    const code = at.run("run", file);
    await at.noted("1 running");
    at.signal("SIGINT");
    expect(await code).toBe(130);
    expect(at.stderr()).toContain("waiting until its last process is gone");
    expect(at.stdout()).toContain("job 1 (demo) cancelled");
    expect(asked("cancelJobs")).toMatchObject([{ jobs: [1] }]);
  });

  it("leaves at the second Ctrl-C", async () => {
    at = recorder(home, { canRedraw: true });
    await runningJob();
    const code = at.run("run", file);
    await at.noted("1 running");
    at.signal("SIGINT");
    at.signal("SIGINT");
    expect(await code).toBe(130);
    expect(at.stderr()).toContain("its cancellation goes on");
  });

  it.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("leaves the job alone on %s", async (name, exitCode) => {
    at = recorder(home, { canRedraw: true });
    await runningJob();
    const code = at.run("run", file);
    await at.noted("1 running");
    at.signal(name);
    expect(await code).toBe(exitCode);
    expect(at.stderr()).toContain("leaving job 1; it goes on");
    expect(asked("cancelJobs")).toEqual([]);
  });

  it("draws in place on a terminal and leaves one line", async () => {
    const live = recorder(home, { canRedraw: true });
    const job = await runningJob();
    const code = live.run("run", file);
    await live.noted("0s  one");
    job.end("succeeded", counts({ succeeded: 1 }));
    expect(await code).toBe(0);
    const screen = new Screen(80);
    screen.draw(live.stderr());
    expect(screen.shown()).toEqual([]);
    expect(screen.cursorVisible).toBe(true);
  });
});

describe("an interrupt while the job is submitted", () => {
  /** A document that is sent in pieces. */
  function longFile(): string {
    const long = path.join(home.folder, "long.json");
    writeFileSync(long, readFileSync(file, "utf8") + " ".repeat(WHOLE_DOCUMENT_BYTES_MAX));
    return long;
  }

  /** A manager that holds its answer to a document that is begun, or whole, until `answer` is called; then it cancels the job when asked. */
  async function holding(): Promise<{ readonly held: () => Promise<void>; readonly answer: () => void }> {
    let answer = (): void => undefined;
    let isCancelled = false;
    let follow = (_state: JobState): void => undefined;
    let reached = (): void => undefined;
    const there = new Promise<void>((resolve) => {
      reached = resolve;
    });
    fake = await openFakeManager(home, (request, say) => {
      const number = request.request;
      if (request.type === "openSubmission") {
        answer = () =>
          request.whole === null
            ? say({ type: "submissionOpened", request: number, submission: 1 })
            : say({ type: "jobAccepted", request: number, job: JOB, tasks: 1, repeated: false });
        reached();
      } else if (request.type === "followJobs") {
        follow = (state) =>
          tell(say, number, state, counts(state === "running" ? { running: 1 } : { cancelled: 1 }));
        follow(isCancelled ? "cancelled" : "running");
      } else if (request.type === "cancelJobs") {
        say({ type: "cancelAccepted", request: number, jobs: [JOB] });
        isCancelled = true;
        follow("cancelled");
      }
    });
    return { held: () => there, answer: () => answer() };
  }

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("leaves nothing behind before the seal (%s)", async (name, exitCode) => {
    const { held } = await holding();
    const code = at.run("run", longFile());
    await held();
    at.signal(name);
    expect(await code).toBe(exitCode);
    expect(at.stderr()).toContain("nothing was submitted");
    expect(asked("sealSubmission")).toEqual([]);
  });

  it("cancels the job that is accepted all the same, and waits for its end", async () => {
    const { held, answer } = await holding();
    const code = at.run("run", file);
    await held();
    at.signal("SIGINT");
    answer();
    expect(await code).toBe(130);
    expect(at.stderr()).toContain("cancelling job 1");
    expect(asked("cancelJobs")).toMatchObject([{ jobs: [1] }]);
  });

  it.each([["submit"], ["run", "--detach"]])(
    "cancels it and names it where nobody follows (%s)",
    async (...args) => {
      const { held, answer } = await holding();
      const code = at.run(...args, file);
      await held();
      at.signal("SIGINT");
      answer();
      expect(await code).toBe(130);
      expect(at.stderr()).toContain("job 1 was accepted before the interrupt, and is being cancelled");
      expect(at.stdout()).toBe("");
      expect(asked("cancelJobs")).toMatchObject([{ jobs: [1] }]);
    },
  );

  it("leaves the job alone on SIGTERM, and names it", async () => {
    const { held, answer } = await holding();
    const code = at.run("run", file);
    await held();
    at.signal("SIGTERM");
    answer();
    expect(await code).toBe(143);
    expect(at.stderr()).toContain("leaving job 1; it goes on");
    expect(asked("cancelJobs")).toEqual([]);
  });

  it("leaves at the second one, and says that it is not known", async () => {
    const { held } = await holding();
    const code = at.run("run", file);
    await held();
    at.signal("SIGINT");
    at.signal("SIGINT");
    expect(await code).toBe(130);
    expect(at.stderr()).toContain("see with `qrew jobs` whether the job is there");
  });
});

describe("wait and cancel", () => {
  const open = { job: JOB, state: "running", tasks: counts({ running: 1 }) } as const;

  it("wait ends as the job does", async () => {
    await stateFolder(home.folder).addJob(open, DOCUMENT);
    await manager((request, say) => {
      if (request.type === "followJobs") tell(say, request.request, "succeeded", counts({ succeeded: 1 }));
    });
    expect(await at.run("wait", "1", "last", "--json")).toBe(0);
    expect(at.json()).toMatchObject({ version: 1, jobs: [{ id: 1, state: "succeeded" }] });
  });

  it("cancel says when the last process is gone", async () => {
    await stateFolder(home.folder).addJob(open, DOCUMENT);
    await manager((request, say) => {
      if (request.type === "cancelJobs")
        say({ type: "cancelAccepted", request: request.request, jobs: [JOB] });
      if (request.type === "followJobs") tell(say, request.request, "cancelled", counts({ cancelled: 1 }));
    });
    expect(await at.run("cancel", "1")).toBe(0);
    expect(at.stdout()).toBe("job 1 (demo) cancelled: its last process is gone\n");
  });
});

describe("another version", () => {
  it("is refused with instructions, and nothing is submitted", async () => {
    await manager(() => undefined);
    if (fake !== null) fake.version = "7.0.0";
    expect(await at.run("run", file)).toBe(4);
    expect(at.stderr()).toMatch(/qrew 7\.0\.0.*qrew daemon stop/);
    expect(asked("openSubmission")).toEqual([]);
  });
});
