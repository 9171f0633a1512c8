import { describe, expect, it } from "vitest";
import { cpus } from "./graphs.ts";
import { exited, JOB, Seat, stopped } from "./seat.ts";

const retry = { limit: 3, on: null, backoffMs: 10_000, factor: 1, maxMs: 10_000 };

describe("the next holder of a seat", () => {
  it("finds every state as it was", () => {
    const plan = {
      done: [],
      after: ["done"],
      bad: [],
      never: ["bad"],
      flaky: { retry },
      runs: [],
      sent: [],
      later: ["runs"],
    };
    const seat = Seat.running(plan, cpus(8));
    seat.sent();
    seat.succeed("done");
    seat.end("bad", exited(1));
    seat.end("flaky", exited(1));
    seat.start("runs");
    seat.pass(1000);
    const next = seat.successor();
    expect(next.records()).toEqual([]);
    const before = seat.store.jobs.get(JOB);
    const job = next.state.jobs.get(JOB);
    expect(job?.seq).toBeGreaterThanOrEqual(before?.seq ?? 0);
    expect(next.takeAll("reportProgress").at(-1)?.report.tasks).toEqual({
      total: 8,
      waiting: 1,
      ready: 2,
      running: 1,
      backoff: 1,
      succeeded: 1,
      failed: 1,
      cancelled: 0,
      skipped: 1,
    });
    next.hello(["runs#1", "after#1", "sent#1"]);
    next.lend(cpus(8), 9);
    expect(next.unexpected()).toEqual([]);
    next.pass(8999);
    expect(next.unexpected()).toEqual([]);
    next.pass(1);
    expect(next.sent()).toEqual(["flaky#2"]);
    next.succeed("runs");
    expect(next.sent()).toEqual(["later#1"]);
    expect(next.unexpected()).toEqual([]);
  });

  it("gives no sequence number twice", () => {
    let seat = Seat.running({ a: { count: 4 }, b: { count: 4, needs: ["same:a"] } }, cpus(2));
    const seqs: number[] = [];
    let live = seat.sent();
    for (let serial = 2; live.length > 0; serial++) {
      const [first = "", ...others] = live;
      seat.start(first);
      seat.succeed(first);
      for (const { record } of seat.takeAll("recordTask")) {
        if (record.state === "running") seqs.push(record.startedSeq ?? 0);
        if (record.state === "succeeded") seqs.push(record.finishedSeq ?? 0);
      }
      others.push(...seat.sent());
      // Every end is followed by a new holder, who finds the rest alive.
      const next = seat.successor();
      next.hello(others);
      next.lend(cpus(2), serial);
      live = [...others, ...next.sent()];
      seat = next;
    }
    expect(seat.finished()).toBe("succeeded");
    expect(new Set(seqs).size).toBe(seqs.length);
    expect(seqs).toHaveLength(16);
  });

  it("adopts what the TaskExecutor lists as alive, under the same number", () => {
    const seat = Seat.running({ a: [], b: ["a"] });
    seat.sent();
    const next = seat.successor();
    expect(next.unexpected()).toEqual([]);
    next.hello(["a#1"]);
    expect(next.takeAll("openJob")).toHaveLength(1);
    expect(next.commands("setCap")).toMatchObject([{ cpusMilli: 0 }]);
    expect(next.unexpected()).toEqual([]);
    next.succeed("a");
    next.lend(cpus(1), 3);
    expect(next.sent()).toEqual(["b#1"]);
    expect(next.unexpected()).toEqual([]);
  });

  it("waits for the end of what is listed as ended", () => {
    const seat = Seat.running({ a: [] });
    seat.sent();
    seat.start("a");
    const next = seat.successor();
    next.hello([], ["a#1"]);
    expect(next.unexpected()).toEqual([]);
    next.end("a", exited(0));
    expect(next.finished()).toBe("succeeded");
    expect(next.commands("closeJob")).toHaveLength(1);
    expect(next.unexpected()).toEqual([]);
  });

  it("repeats what is not listed", () => {
    const seat = Seat.running({ a: [], b: [] });
    seat.sent();
    seat.start("a");
    const next = seat.successor();
    next.lend(cpus(4), 2);
    expect(next.unexpected()).toEqual([]);
    next.hello();
    expect(next.sent()).toEqual(["a#2", "b#2"]);
    expect(next.takeAll("archiveAttempt")).toHaveLength(2);
    expect(next.unexpected()).toEqual([]);
  });

  it("stops what nobody waits for", () => {
    const seat = Seat.running({ a: [] });
    seat.sent();
    seat.end("a", { type: "lost", detail: "" });
    expect(seat.sent()).toEqual(["a#2"]);
    seat.hello(["a#1", "a#2"]);
    expect(seat.stopped()).toEqual(["a#1"]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("counts the failures of its predecessors", () => {
    const seat = Seat.running({ a: { retry: { ...retry, limit: 1 } } });
    seat.sent();
    seat.end("a", exited(1));
    const next = seat.successor();
    next.hello();
    next.lend(cpus(1), 2);
    next.pass(10_000);
    expect(next.sent()).toEqual(["a#2"]);
    next.end("a#2", exited(1));
    expect(next.finished()).toBe("failed");
    expect(next.commands("closeJob")).toHaveLength(1);
    expect(next.unexpected()).toEqual([]);
  });

  it("keeps the time limit of what runs", () => {
    const seat = Seat.running({ a: { timeoutMs: 60_000 } });
    seat.sent();
    seat.start("a");
    seat.pass(50_000);
    const next = seat.successor();
    next.hello(["a#1"]);
    next.pass(9999);
    expect(next.unexpected()).toEqual([]);
    next.pass(1);
    expect(next.stopped()).toEqual(["a#1"]);
    expect(next.unexpected()).toEqual([]);
  });

  it.each([
    ["timeout", { state: "failed", reason: { type: "timedOut", timeoutMs: 60_000 } }],
    ["drain", { state: "ready", reason: { type: "lost" } }],
  ] as const)("knows what was being stopped (%s): its end is not its own", (why, record) => {
    const seat = Seat.running({ a: { timeoutMs: 60_000 } });
    seat.sent();
    seat.start("a");
    if (why === "timeout") seat.pass(60_000);
    else seat.feed({ type: "drainRequested", stop: true, graceMs: 100 });
    expect(seat.stopped()).toEqual(["a#1"]);
    const next = seat.successor();
    next.hello([], ["a#1"]);
    next.end("a#1", stopped);
    expect(next.record("a")).toMatchObject(record);
  });

  it("learns of a start that was told to nobody, with its time limit", () => {
    const seat = Seat.running({ a: { timeoutMs: 60_000 } });
    seat.sent();
    const startedAtMs = seat.wallMs;
    const startedMonoMs = seat.nowMs;
    seat.pass(40_000);
    const next = seat.successor();
    const id = next.id("a");
    const started = { ...id, startedAtMs, startedMonoMs, pid: 7 };
    next.feed({ type: "executorSaidHello", pid: 1, greeting: 1, live: [{ ...id, started }], ended: [] });
    next.commands("welcome");
    expect(next.take("tellExecutor", ({ command }) => command.type === "setCap").command.type).toBe("setCap");
    next.take("openJob");
    expect(next.record("a").state).toBe("running");
    next.pass(20_000);
    expect(next.stopped()).toEqual(["a#1"]);
    expect(next.unexpected()).toEqual([]);
  });

  it("tells a job that has ended, and only that", () => {
    const seat = Seat.running({ a: [] });
    seat.sent();
    seat.succeed("a");
    expect(seat.finished()).toBe("succeeded");
    const next = seat.successor();
    expect(next.finished()).toBe("succeeded");
    expect(next.untaken()).toEqual([]);
    next.feed({ type: "jobReleased", job: JOB });
    expect(next.takeAll("forgetJob")).toHaveLength(1);
    expect(next.untaken()).toEqual([]);
  });

  it("begins anew where the records are of an earlier round", () => {
    const seat = Seat.running({ a: [] });
    seat.sent();
    seat.succeed("a");
    const record = seat.store.jobs.get(JOB);
    if (record !== undefined) seat.store.jobs.set(JOB, { ...record, round: 0 });
    const next = seat.successor();
    next.hello();
    next.lend(cpus(1), 1);
    expect(next.sent()).toEqual(["a#1"]);
    expect(next.unexpected()).toEqual([]);
  });
});
