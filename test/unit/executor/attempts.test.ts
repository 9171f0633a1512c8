import { describe, expect, it } from "vitest";
import type { ExecutorCommand } from "../../../protocol/executorLink.ts";
import { COMMON_POOL } from "../../../protocol/ids.ts";
import { attemptId, FakeTaskExecutor, JOB, shell } from "./taskExecutor.ts";

const run = (...tasks: readonly number[]) =>
  ({ type: "runAttempts", attempts: tasks.map((task) => shell(task)) }) as const;
const acknowledge = (...tasks: readonly number[]): ExecutorCommand => ({
  type: "acknowledgeAttempts",
  attempts: tasks.map((task) => attemptId(task)),
});

describe("an attempt", () => {
  it("opens the forkserver, which hears of the job and its cap first", () => {
    const executor = FakeTaskExecutor.welcomed();
    executor.open();
    executor.say({ type: "setCap", job: JOB, serial: 4, cpusMilli: 2000 });
    expect(executor.fact("capSet")).toEqual({ type: "capSet", job: JOB, serial: 4, runningCpusMilli: 0 });
    expect(executor.unexpected()).toEqual([]);
    executor.say(run(0, 1));
    executor.take("openForkserver");
    expect(executor.unexpected()).toEqual([]);
    executor.forkserverOpened();
    expect(executor.told("context")).toEqual({
      type: "context",
      job: JOB,
      directory: "/data",
      umask: 18,
      env: [
        "OMP_NUM_THREADS=1",
        "HOME=/h",
        "QREW_JOB_ID=uuid/1",
        "QREW_ATTEMPT=1",
        "QREW_CPUS=1",
        "QREW_NODE=n1",
      ],
    });
    expect(executor.told("setCap")).toMatchObject({ serial: 4, cpusMilli: 2000 });
    expect(executor.told("spawn").key).toEqual(attemptId(0));
    expect(executor.told("spawn").key).toEqual(attemptId(1));
    expect(executor.unexpected()).toEqual([]);
  });

  it("is told with its mark, its files and its variables", () => {
    const executor = FakeTaskExecutor.serving();
    const env = { OMP_NUM_THREADS: "7", MODE: "fast" };
    executor.say({
      type: "runAttempts",
      attempts: [shell(5, { command: "echo hi", env, cpusMilli: 2500, stdin: "in", workdir: "sub" })],
    });
    const spawn = executor.told("spawn");
    expect(spawn).toMatchObject({
      key: attemptId(5),
      cpusMilli: 2500,
      pool: JOB,
      argv: ["/bin/sh", "-c", "echo hi"],
      workdir: "sub",
      stdin: "in",
      stdoutPath: "/spool/1-5-1.out",
      stderrPath: "/spool/1-5-1.err",
      mark: "uuid/3/1/5/1",
    });
    expect([...spawn.env].sort()).toEqual([
      "MODE=fast",
      "OMP_NUM_THREADS=7",
      "QREW_CPUS=2.5",
      "QREW_MARK=uuid/3/1/5/1",
      "QREW_TASK=task 5",
    ]);
    executor.say({ type: "runAttempts", attempts: [shell(6, { cpusMilli: 2500 })] });
    expect(executor.told("spawn").env).toContain("OMP_NUM_THREADS=2");
    expect(executor.unexpected()).toEqual([]);
  });

  it("that is pooled is sent to the common pool; all else is its job's", () => {
    const executor = FakeTaskExecutor.serving();
    executor.say({ type: "runAttempts", attempts: [shell(5, { isPooled: true }), shell(6)] });
    expect(executor.told("spawn")).toMatchObject({
      key: attemptId(5),
      pool: COMMON_POOL,
      mark: "uuid/3/1/5/1",
    });
    expect(executor.told("spawn")).toMatchObject({ key: attemptId(6), pool: JOB });
    expect(executor.unexpected()).toEqual([]);
  });

  it("says only what the context does not, and has the last word on what names it", () => {
    const executor = FakeTaskExecutor.serving();
    executor.say({ type: "runAttempts", attempts: [shell(5)] });
    expect(executor.told("spawn").env).toEqual(["QREW_TASK=task 5", "QREW_MARK=uuid/3/1/5/1"]);
    executor.say({ type: "runAttempts", attempts: [shell(6, { env: { QREW_NODE: "elsewhere" } })] });
    expect(executor.told("spawn").env).toEqual([
      "QREW_NODE=elsewhere",
      "QREW_JOB_ID=uuid/1",
      "QREW_NODE=n1",
      "QREW_ATTEMPT=1",
      "QREW_CPUS=1",
      "QREW_TASK=task 6",
      "QREW_MARK=uuid/3/1/6/1",
    ]);
    executor.say({ type: "runAttempts", attempts: [{ ...shell(7), attempt: 2 }] });
    expect(executor.told("spawn").env).toContain("QREW_ATTEMPT=2");
    expect(executor.unexpected()).toEqual([]);
  });

  it("goes from start to acknowledgement", () => {
    const executor = FakeTaskExecutor.serving();
    executor.say(run(0));
    executor.told("spawn");
    executor.started(0);
    expect(executor.fact("attemptsStarted").attempts).toMatchObject([{ task: 0, pid: 1000 }]);
    executor.ended(0);
    expect(executor.take("collectOutput")).toMatchObject({ program: "/bin/tool" });
    expect(executor.unexpected()).toEqual([]);
    executor.say(acknowledge(0));
    expect(executor.unexpected()).toEqual([]);
    executor.collected(0);
    expect(executor.endsTold()).toEqual([0]);
    expect(executor.unexpected()).toEqual([]);
    executor.say(acknowledge(0));
    expect(executor.told("acknowledge").key).toEqual(attemptId(0));
    expect(executor.take("discardSpool").paths).toEqual(["/spool/0.out"]);
    executor.say(acknowledge(0));
    expect(executor.unexpected()).toEqual([]);
    expect(executor.state.attempts.size).toBe(0);
  });

  it("that is started twice is found: nothing runs twice, and an end is told again", () => {
    const executor = FakeTaskExecutor.serving();
    executor.say(run(0, 0));
    executor.told("spawn");
    executor.say(run(0));
    expect(executor.unexpected()).toEqual([]);
    executor.ended(0);
    executor.take("collectOutput");
    executor.say(run(0));
    expect(executor.unexpected()).toEqual([]);
    executor.collected(0);
    expect(executor.endsTold()).toEqual([0]);
    executor.say(run(0));
    expect(executor.endsTold()).toEqual([0]);
    expect(executor.unexpected()).toEqual([]);
  });

  it("is ended once, even if the forkserver says so twice", () => {
    const executor = FakeTaskExecutor.serving();
    executor.say(run(0));
    executor.told("spawn");
    executor.ended(0);
    executor.ended(0);
    executor.started(0);
    executor.take("collectOutput");
    expect(executor.unexpected()).toEqual([]);
  });

  it("that does nothing ends without a forkserver", () => {
    const executor = FakeTaskExecutor.welcomed();
    executor.say({ type: "runNoops", job: JOB, attempts: [0, 1, 7, 2] });
    const fact = executor.fact("noopsEnded");
    expect(fact).toMatchObject({ job: JOB, attempts: [0, 1, 7, 2] });
    expect(executor.unexpected()).toEqual([]);
    expect(executor.state.attempts.size).toBe(0);
  });

  it("is stopped while it lives, and not after", () => {
    const executor = FakeTaskExecutor.serving();
    executor.say(run(0));
    executor.told("spawn");
    const attempts = [attemptId(0), attemptId(1)];
    const stop: ExecutorCommand = { type: "stopAttempts", attempts, graceMs: 500 };
    executor.say(stop);
    expect(executor.told("stop")).toEqual({ type: "stop", key: attemptId(0), graceMs: 500 });
    expect(executor.unexpected()).toEqual([]);
    executor.ended(0, { type: "withdrawn" });
    executor.take("collectOutput");
    executor.say(stop);
    expect(executor.unexpected()).toEqual([]);
  });
});

describe("files of the document", () => {
  const files = { stdout: "log/out", stderr: "/abs/err", outputs: ["a", "b/*"] };
  const promise = { path: "/spool/1-5-1.out.promise", made: { folder: "/data/sub", outputs: ["a", "b/*"] } };

  it("are made before the attempt is told, in its working folder", () => {
    const executor = FakeTaskExecutor.serving();
    executor.say({ type: "runAttempts", attempts: [shell(5, { workdir: "sub", files })] });
    expect(executor.take("prepareAttempt").preparation).toEqual({
      folder: "/data/sub",
      umask: 18,
      links: [
        { link: "/spool/links/1-5-1.out", target: "/data/sub/log/out" },
        { link: "/spool/links/1-5-1.err", target: "/abs/err" },
      ],
      promise,
    });
    expect(executor.told("spawn")).toMatchObject({
      stdoutPath: "/spool/links/1-5-1.out",
      stderrPath: "/spool/links/1-5-1.err",
    });
    executor.ended(5);
    expect(executor.take("collectOutput").promise).toEqual(promise);
    expect(executor.unexpected()).toEqual([]);
  });

  it("are looked for on disk where an earlier TaskExecutor has started the attempt", () => {
    const executor = FakeTaskExecutor.welcomed();
    executor.forkserverOpened();
    executor.started(5);
    executor.ended(5);
    expect(executor.take("collectOutput").promise).toEqual({ path: promise.path, made: null });
  });

  it("are none for most", () => {
    const executor = FakeTaskExecutor.serving();
    executor.say(run(5));
    executor.told("spawn");
    executor.ended(5);
    expect(executor.take("collectOutput").promise).toBeNull();
    expect(executor.unexpected()).toEqual([]);
  });
});

describe("the forkserver", () => {
  it("takes what it had to the grave: what lived is lost, with the start that is known", () => {
    const executor = FakeTaskExecutor.serving();
    executor.say({ type: "setCap", job: JOB, serial: 2, cpusMilli: 1000 }, run(0, 1, 2));
    executor.started(0);
    executor.ended(2);
    executor.forget();
    executor.feed({ type: "forkserverLost", detail: "it was killed" });
    const lost = { type: "lost", detail: "it was killed" };
    expect(executor.fact("attemptsEnded").attempts).toMatchObject([
      { task: 0, outcome: lost, startedAtMs: executor.wallMs },
    ]);
    expect(executor.fact("attemptsEnded").attempts).toMatchObject([
      { task: 1, outcome: lost, startedAtMs: null },
    ]);
    expect(executor.fact("capSet")).toMatchObject({ serial: 2, runningCpusMilli: 0 });
    expect(executor.unexpected()).toEqual([]);
    // What had ended is still being read.
    executor.collected(2);
    expect(executor.endsTold()).toEqual([2]);
    executor.say(acknowledge(0, 1, 2));
    // Also the files of what was lost.
    const discarded = [1, 2, 3].map(() => executor.take("discardSpool").paths.length);
    expect(discarded).toEqual([2, 2, 1]);
    expect(executor.unexpected()).toEqual([]);
    executor.say(run(3));
    executor.take("openForkserver");
    executor.forkserverOpened();
    executor.told("context");
    executor.told("setCap");
    executor.told("spawn");
    expect(executor.unexpected()).toEqual([]);
  });

  it("hears of the common pool's cap like of any other, also after the close of a job and after its own death", () => {
    const executor = FakeTaskExecutor.serving();
    executor.say({ type: "setCap", job: COMMON_POOL, serial: 3, cpusMilli: 2000 });
    expect(executor.told("setCap")).toMatchObject({ job: COMMON_POOL, serial: 3, cpusMilli: 2000 });
    executor.forkserverSays({ type: "capSet", job: COMMON_POOL, serial: 3, runningCpusMilli: 500 });
    expect(executor.fact("capSet")).toMatchObject({ job: COMMON_POOL, serial: 3, runningCpusMilli: 500 });
    executor.say({ type: "closeJob", job: JOB, graceMs: 1 });
    expect(executor.told("closeJob").job).toBe(JOB);
    executor.feed({ type: "forkserverLost", detail: "it was killed" });
    expect(executor.fact("capSet")).toMatchObject({ job: COMMON_POOL, serial: 3, runningCpusMilli: 0 });
    expect(executor.fact("jobClosed").job).toBe(JOB);
    executor.open();
    executor.say({ type: "runAttempts", attempts: [shell(1, { isPooled: true })] });
    executor.take("openForkserver");
    executor.forkserverOpened();
    executor.told("context");
    expect(executor.told("setCap")).toMatchObject({ job: COMMON_POOL, serial: 3, cpusMilli: 2000 });
    expect(executor.told("spawn").pool).toBe(COMMON_POOL);
    expect(executor.unexpected()).toEqual([]);
  });

  it("that cannot be started is the node's fault, not the task's", () => {
    const executor = FakeTaskExecutor.welcomed();
    executor.open();
    executor.say(run(0));
    executor.take("openForkserver");
    executor.feed({ type: "forkserverFailed", detail: "no descriptors" });
    expect(executor.fact("attemptsEnded").attempts).toMatchObject([
      { task: 0, outcome: { type: "notStarted", reason: "noProcess", detail: "no descriptors" } },
    ]);
    expect(executor.unexpected()).toEqual([]);
    executor.say(run(1));
    executor.take("openForkserver");
    expect(executor.unexpected()).toEqual([]);
  });

  it("that is absent needs no cap, and has nothing of a job to close", () => {
    const executor = FakeTaskExecutor.welcomed();
    executor.say({ type: "closeJob", job: JOB, graceMs: 100 });
    expect(executor.fact("jobClosed")).toEqual({ type: "jobClosed", job: JOB, ended: 0, survivors: 0 });
    executor.say({ type: "reportStatus" });
    expect(executor.fact("status")).toEqual({ type: "status", pid: 70, forkserver: null });
    expect(executor.unexpected()).toEqual([]);
  });

  it("closes a job by its mark, and forgets it", () => {
    const executor = FakeTaskExecutor.serving();
    executor.say({ type: "closeJob", job: JOB, graceMs: 100 });
    expect(executor.told("closeJob")).toEqual({
      type: "closeJob",
      job: JOB,
      graceMs: 100,
      mark: "uuid/3/1/",
    });
    expect(executor.unexpected()).toEqual([]);
    executor.forkserverSays({ type: "jobClosed", job: JOB, ended: 2, survivors: 1 });
    expect(executor.fact("jobClosed")).toMatchObject({ ended: 2, survivors: 1 });
    executor.feed({ type: "forkserverLost", detail: "later" });
    expect(executor.unexpected()).toEqual([]);
    expect(executor.state.contexts.size + executor.state.caps.size).toBe(0);
  });

  it("that dies, or cannot be started, while it closes a job has closed it", () => {
    const executor = FakeTaskExecutor.serving();
    executor.say({ type: "closeJob", job: JOB, graceMs: 100 });
    executor.told("closeJob");
    executor.feed({ type: "forkserverLost", detail: "it was killed" });
    expect(executor.fact("jobClosed")).toEqual({ type: "jobClosed", job: JOB, ended: 0, survivors: 0 });
    expect(executor.unexpected()).toEqual([]);
    executor.feed({ type: "forkserverLost", detail: "it was killed" });
    expect(executor.unexpected()).toEqual([]);
    executor.open();
    executor.say(run(0), { type: "closeJob", job: JOB, graceMs: 100 });
    executor.take("openForkserver");
    executor.feed({ type: "forkserverFailed", detail: "no descriptors" });
    expect(executor.endsTold()).toEqual([0]);
    executor.fact("jobClosed");
    expect(executor.unexpected()).toEqual([]);
  });

  it("is asked for its report, and the answer passed on", () => {
    const executor = FakeTaskExecutor.serving();
    executor.say({ type: "reportStatus" });
    executor.told("report");
    const report = { runningAttempts: 1, runningCpusMilli: 1000, queuedAttempts: 2, heldAttempts: 3 };
    executor.forkserverSays({ type: "report", ...report });
    expect(executor.fact("status")).toEqual({
      type: "status",
      pid: 70,
      forkserver: { pid: 80, flavour: "c", ...report },
    });
    expect(executor.unexpected()).toEqual([]);
  });
});
