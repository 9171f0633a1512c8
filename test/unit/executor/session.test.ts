import { describe, expect, it } from "vitest";
import { attemptId, FakeTaskExecutor, JOB, shell } from "./taskExecutor.ts";

const run = (...tasks: readonly number[]) =>
  ({ type: "runAttempts", attempts: tasks.map((task) => shell(task)) }) as const;
const DAY_MS = 24 * 3600 * 1000;

describe("a session with the QWorker", () => {
  it("begins with hello; nothing is heeded before the welcome", () => {
    const executor = new FakeTaskExecutor();
    executor.feed({ type: "workerConnected" });
    expect(executor.fact("hello")).toEqual({ type: "hello", pid: 70, greeting: 1, live: [], ended: [] });
    executor.open();
    executor.say(run(0), { type: "closeJob", job: JOB, graceMs: 1 }, { type: "leave" });
    expect(executor.unexpected()).toEqual([]);
    executor.welcome();
    expect(executor.unexpected()).toEqual([]);
    expect(executor.state.node).toBe("n1");
  });

  it("lists what lives and what has ended, and tells the ends after each welcome until they are acknowledged", () => {
    const executor = FakeTaskExecutor.serving();
    executor.say(run(0, 1, 2, 3));
    executor.started(1);
    executor.ended(2);
    executor.ended(3);
    executor.collected(3);
    executor.forget();
    const hello = executor.reconnect();
    expect(hello.live.map(({ task, started }) => [task, started?.pid ?? null])).toEqual([
      [0, null],
      [1, 1001],
    ]);
    expect(hello.ended).toEqual([attemptId(2), attemptId(3)]);
    expect(executor.unexpected()).toEqual([]);
    executor.collected(2);
    expect(executor.unexpected()).toEqual([]);
    executor.welcome();
    expect(executor.endsTold()).toEqual([2, 3]);
    executor.say({ type: "acknowledgeAttempts", attempts: [attemptId(3)] });
    executor.forget();
    executor.reconnect();
    executor.welcome();
    expect(executor.endsTold()).toEqual([2]);
  });

  it("tells what has started between hello and welcome", () => {
    const executor = FakeTaskExecutor.serving();
    executor.say(run(0, 1));
    executor.started(0);
    executor.forget();
    executor.reconnect();
    executor.started(1);
    expect(executor.unexpected()).toEqual([]);
    executor.welcome();
    expect(executor.fact("attemptsStarted").attempts.map(({ task }) => task)).toContain(1);
    expect(executor.unexpected()).toEqual([]);
  });

  it("does not heed a welcome to an earlier hello, nor what follows it", () => {
    const executor = FakeTaskExecutor.welcomed();
    executor.open();
    executor.feed({ type: "workerDisconnected" }, { type: "workerConnected" });
    expect(executor.fact("hello").greeting).toBe(2);
    executor.welcome(1);
    executor.say(run(0));
    expect(executor.unexpected()).toEqual([]);
    executor.welcome(2);
    executor.say(run(0));
    executor.take("openForkserver");
    expect(executor.unexpected()).toEqual([]);
  });

  it("finds what an earlier TaskExecutor has left with the forkserver", () => {
    const executor = new FakeTaskExecutor();
    executor.forkserverOpened();
    executor.started(0);
    executor.ended(1);
    executor.forkserverSays({ type: "queued", key: attemptId(2) });
    executor.forkserverSays({ type: "listed" });
    expect(executor.take("collectOutput").program).toBeNull();
    expect(executor.unexpected()).toEqual([]);
    executor.feed({ type: "workerConnected" });
    const hello = executor.fact("hello");
    expect(hello.live.map(({ task }) => task)).toEqual([0, 2]);
    expect(hello.ended.map(({ task }) => task)).toEqual([1]);
    executor.welcome();
    // It is started a second time, and found.
    executor.forget();
    executor.say(run(2));
    expect(executor.unexpected()).toEqual([]);
  });
});

describe("leaving", () => {
  it("is done when nothing is held, and the forkserver is told", () => {
    const executor = FakeTaskExecutor.serving();
    executor.say({ type: "leave" });
    executor.told("leave");
    executor.take("leave");
    expect(executor.unexpected()).toEqual([]);
  });

  it.each([
    ["lives", (executor: FakeTaskExecutor) => executor.started(0)],
    ["is being read", (executor: FakeTaskExecutor) => executor.ended(0)],
    [
      "is not acknowledged",
      (executor: FakeTaskExecutor) => {
        executor.ended(0);
        executor.collected(0);
      },
    ],
  ])("is refused with a hello while an attempt %s", (_, prepare) => {
    const executor = FakeTaskExecutor.serving();
    executor.say(run(0));
    prepare(executor);
    executor.forget();
    executor.say({ type: "leave" });
    const { live, ended } = executor.fact("hello");
    expect(live.length + ended.length).toBe(1);
    expect(executor.unexpected()).toEqual([]);
    expect(executor.state.left).toBe(false);
  });

  it("comes by itself after a minute without a QWorker, once", () => {
    const executor = FakeTaskExecutor.welcomed();
    executor.pass(DAY_MS);
    expect(executor.unexpected()).toEqual([]);
    executor.feed({ type: "workerDisconnected" });
    executor.pass(59_999);
    expect(executor.unexpected()).toEqual([]);
    executor.pass(1);
    executor.take("leave");
    executor.pass(60_000);
    expect(executor.unexpected()).toEqual([]);
  });

  it("waits for the next QWorker, for a day while it holds an attempt", () => {
    const executor = FakeTaskExecutor.serving();
    executor.say(run(0));
    executor.told("spawn");
    executor.feed({ type: "workerDisconnected" });
    executor.pass(DAY_MS - 1);
    expect(executor.unexpected()).toEqual([]);
    executor.feed({ type: "workerConnected" });
    executor.fact("hello");
    executor.pass(DAY_MS);
    expect(executor.unexpected()).toEqual([]);
    executor.feed({ type: "workerDisconnected" });
    executor.pass(DAY_MS);
    executor.told("stop");
    expect(executor.unexpected()).toEqual([]);
  });

  it("stops what nobody has watched for a day, keeps its end as a loss, and goes; the next one delivers it", () => {
    const executor = FakeTaskExecutor.serving();
    executor.say(run(0));
    executor.say(run(1));
    executor.told("spawn");
    executor.told("spawn");
    executor.ended(0);
    executor.collected(0);
    executor.forget();
    executor.feed({ type: "workerDisconnected" });
    executor.pass(DAY_MS);
    expect(executor.told("stop").key.task).toBe(1);
    executor.ended(1);
    executor.collected(1);
    const { ends } = executor.take("keepEnds");
    expect(ends.map(({ outcome }) => outcome.type)).toEqual(["exited", "lost"]);
    executor.take("leave");
    const next = new FakeTaskExecutor();
    next.feed({ type: "endsFound", ends }, { type: "workerConnected" });
    expect(next.fact("hello").ended).toHaveLength(2);
  });

  it("goes on with what it was about to stop, if a QWorker comes", () => {
    const executor = FakeTaskExecutor.serving();
    executor.say(run(0));
    executor.feed({ type: "workerDisconnected" });
    executor.pass(DAY_MS - 1);
    executor.feed({ type: "workerConnected" });
    executor.pass(DAY_MS);
    executor.forget();
    expect(executor.state.left).toBe(false);
    expect(executor.state.orphans).toBeNull();
  });
});
