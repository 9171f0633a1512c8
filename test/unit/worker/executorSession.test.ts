import { describe, expect, it } from "vitest";
import { seatNumber } from "../../../protocol/ids.ts";
import { cpus } from "./graphs.ts";
import { JOB, LEASE_MS, noProcess, OTHER_JOB, Seat } from "./seat.ts";

describe("the TaskExecutor", () => {
  it("is started when there is something to run, and welcomed", () => {
    const seat = new Seat();
    seat.pass(60_000);
    expect(seat.untaken()).toEqual([]);
    seat.assign({ a: { resources: cpus(2) } });
    seat.load();
    seat.take("startExecutor");
    seat.lend(cpus(2), 1);
    seat.pass(100);
    expect(seat.unexpected()).toEqual([]);
    seat.feed({ type: "executorSaidHello", pid: 1, greeting: 4, live: [], ended: [] });
    expect(seat.commands("welcome")).toEqual([
      { type: "welcome", greeting: 4, seat: seatNumber(0), node: "n1", instance: "uuid" },
    ]);
    expect(seat.takeAll("openJob")).toEqual([{ type: "openJob", job: JOB }]);
    expect(seat.commands("setCap")).toMatchObject([{ job: JOB, cpusMilli: 2000 }]);
    expect(seat.sent()).toEqual(["a#1"]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("is not asked again by a hello that came twice: what was sent since is not lost", () => {
    const seat = Seat.running({ a: [] });
    expect(seat.sent()).toEqual(["a#1"]);
    seat.forget();
    seat.feed({ type: "executorSaidHello", pid: 200, greeting: 1, live: [], ended: [] });
    expect(seat.unexpected()).toEqual([]);
    seat.feed({ type: "executorSaidHello", pid: 200, greeting: 2, live: [], ended: [] });
    expect(seat.sent()).toEqual(["a#2"]);
  });

  it("keeps a number that was given back and that the TaskExecutor still knows", () => {
    const seat = Seat.running({ a: [] });
    seat.sent();
    seat.end("a#1", noProcess);
    const next = seat.successor();
    next.hello([], ["a#1"]);
    next.lend(cpus(1), 1);
    next.pass(1000);
    expect(next.sent()).toEqual(["a#2"]);
    // Its end comes late: it is only acknowledged.
    next.end("a#1", noProcess);
    expect(next.commands("acknowledgeAttempts")).toHaveLength(1);
    expect(next.sent()).toEqual([]);
    next.succeed("a#2");
    expect(next.finished()).toBe("succeeded");
  });

  it("does nothing to the attempts of a job that is still being read, and is asked again when it has been", () => {
    const plan = { a: [], b: [], c: [] };
    const seat = Seat.running(plan);
    expect(seat.sent()).toEqual(["a#1", "b#1", "c#1"]);
    const next = new Seat({ store: seat.store, nowMs: seat.nowMs });
    next.assign(plan);
    // Something was short: the hello comes before the job.
    next.hello(["a#1"], ["b#1"]);
    next.end("b#1");
    expect(next.stopped()).toEqual([]);
    expect(next.commands("acknowledgeAttempts")).toEqual([]);
    next.load();
    expect(next.commands("leave")).toHaveLength(1);
    next.hello(["a#1"], ["b#1"]);
    next.succeed("b#1", "a#1");
    expect(next.record("b")).toMatchObject({ state: "succeeded", attempt: 1 });
    expect(next.record("a")).toMatchObject({ state: "succeeded", attempt: 1 });
    next.lend(cpus(1), 1);
    expect(next.sent()).toEqual(["c#2"]);
  });

  it("that has nothing is replaced, where a job comes from the store with attempts that were lost", () => {
    const seat = Seat.running({ a: [] });
    expect(seat.sent()).toEqual(["a#1"]);
    const next = new Seat({ store: seat.store, nowMs: seat.nowMs });
    next.hello();
    next.assign({ a: [] });
    next.load();
    expect(next.commands("leave")).toHaveLength(1);
    next.feed({ type: "executorLost", killed: false });
    next.take("startExecutor");
    next.hello();
    next.lend(cpus(1), 1);
    expect(next.sent()).toEqual(["a#2"]);
  });

  it("is told of a job once, before its first attempt", () => {
    const seat = Seat.running({ a: { count: 3 } }, cpus(2));
    expect(seat.takeAll("openJob")).toHaveLength(1);
    seat.succeed("a[1]", "a[2]");
    expect(seat.takeAll("openJob")).toEqual([]);
    seat.hello(["a[3]#1"]);
    expect(seat.takeAll("openJob")).toHaveLength(1);
  });

  it("leaves after ten seconds without work, and a new one is started for the next job", () => {
    const seat = Seat.running({ a: [] });
    seat.sent();
    seat.succeed("a");
    expect(seat.finished()).toBe("succeeded");
    seat.commands("closeJob");
    seat.pass(9999);
    expect(seat.unexpected()).toEqual([]);
    seat.pass(1);
    expect(seat.commands("leave")).toHaveLength(1);
    seat.assign({ b: [] }, OTHER_JOB);
    seat.load(OTHER_JOB);
    // Nothing is sent to one that leaves.
    expect(seat.unexpected()).toEqual([]);
    seat.feed({ type: "executorLost", killed: true });
    seat.take("startExecutor");
    expect(seat.unexpected()).toEqual([]);
  });

  it("does not leave when work comes before", () => {
    const seat = Seat.running(
      { a: [], b: { retry: { limit: 0, on: null, backoffMs: 0, factor: 1, maxMs: 0 } } },
      cpus(1),
    );
    seat.succeed("a");
    seat.succeed("b");
    seat.pass(6000);
    seat.assign({ c: [] }, OTHER_JOB);
    seat.load(OTHER_JOB);
    seat.lend(cpus(1), 1, OTHER_JOB);
    seat.pass(60_000);
    expect(seat.sent()).toEqual(["a#1", "b#1", "c#1"]);
    expect(seat.commands("leave")).toEqual([]);
  });

  it("is asked again to leave, and stays when it has something left", () => {
    const seat = new Seat();
    seat.hello();
    seat.pass(10_000);
    expect(seat.commands("leave")).toHaveLength(1);
    seat.pass(15_000);
    expect(seat.commands("leave")).toHaveLength(1);
    seat.hello();
    expect(seat.unexpected()).toEqual([]);
    seat.assign({ a: [] });
    seat.load();
    seat.lend(cpus(1), 1);
    expect(seat.sent()).toEqual(["a#1"]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("that dies young is not started again at once", () => {
    const seat = Seat.running({ a: [] });
    expect(seat.sent()).toEqual(["a#1"]);
    seat.pass(1000);
    seat.feed({ type: "executorLost", killed: true });
    seat.pass(1999);
    expect(seat.unexpected()).toEqual([]);
    seat.pass(1);
    seat.take("startExecutor");
    seat.hello();
    expect(seat.sent()).toEqual(["a#2"]);
    seat.pass(5000);
    seat.feed({ type: "executorLost", killed: true });
    seat.take("startExecutor");
    expect(seat.unexpected()).toEqual([]);
  });

  it("that says nothing is killed, again and again, until it is lost", () => {
    const seat = new Seat();
    seat.assign({ a: [] });
    seat.load();
    seat.take("startExecutor");
    seat.pass(14_999);
    expect(seat.unexpected()).toEqual([]);
    seat.pass(1);
    seat.take("killExecutor");
    seat.pass(15_000);
    seat.take("killExecutor");
    seat.feed({ type: "executorLost", killed: true });
    seat.pass(2000);
    seat.take("startExecutor");
    expect(seat.unexpected()).toEqual([]);
  });

  it("of an earlier holder is waited for, and given up like any other", () => {
    const seat = new Seat({ executorExpected: true });
    seat.pass(14_999);
    expect(seat.untaken()).toEqual([]);
    seat.pass(1);
    seat.take("killExecutor");
    expect(seat.untaken()).toEqual([]);
  });

  it("is reported with its forkserver, in the answer to a question for the status", () => {
    const seat = new Seat();
    const refused = { malformed: 2 };
    seat.feed({ type: "statusRequested", request: 5, refused });
    expect(seat.facts("status")).toEqual([{ type: "status", request: 5, executors: [], refused }]);
    seat.hello();
    const forkserver = {
      pid: 9,
      flavour: "c",
      runningAttempts: 1,
      runningCpusMilli: 1000,
      queuedAttempts: 0,
      heldAttempts: 0,
    } as const;
    seat.feed(
      { type: "executorReported", pid: 200, forkserver },
      { type: "statusRequested", request: 6, refused },
    );
    expect(seat.facts("status")).toEqual([
      { type: "status", request: 6, executors: [{ pid: 200, forkserver }], refused },
    ]);
    expect(seat.untaken()).toEqual([]);
  });
});

describe("a TaskExecutor that hangs", () => {
  it("is killed after a lease, and the next one goes on with what runs", () => {
    const seat = Seat.running({ a: [] });
    seat.sent();
    seat.start("a");
    seat.pass(LEASE_MS * 5);
    expect(seat.unexpected()).toEqual([]);
    seat.answersPings = false;
    seat.pass(LEASE_MS);
    seat.take("killExecutor");
    seat.feed({ type: "executorLost", killed: true });
    seat.take("startExecutor");
    seat.hello(["a#1"]);
    seat.succeed("a");
    expect(seat.record("a")).toMatchObject({ state: "succeeded", attempt: 1 });
  });

  it("is not one where the QWorker itself was stopped", () => {
    const seat = Seat.running({ a: [] });
    seat.sent();
    seat.start("a");
    seat.forget();
    seat.answersPings = false;
    seat.nowMs += 10 * LEASE_MS;
    seat.feed({ type: "woken" });
    seat.pass(LEASE_MS - 1);
    expect(seat.unexpected()).toEqual([]);
    seat.pass(1);
    seat.take("killExecutor");
  });
});
