import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AttemptOutcome } from "../../../protocol/executorLink.ts";
import { backoffMs } from "../../../worker/core/repetition.ts";
import { cpus } from "./graphs.ts";
import { CRASH_LIMIT, exited, GRACE_MS, lost, noProcess, Seat, stopped, withdrawn } from "./seat.ts";

const retry = { limit: 2, on: null, backoffMs: 1000, factor: 3, maxMs: 2000 };

describe("repetitions", () => {
  it("waits longer each time, up to the maximum, and fails when the limit is used up", () => {
    const seat = Seat.running({ a: { retry } });
    expect(seat.sent()).toEqual(["a#1"]);
    seat.end("a", exited(1));
    expect(seat.record("a")).toMatchObject({ state: "backoff", attempt: 1, failures: 1, exitCode: 1 });
    expect(seat.record("a").retryAtMs).toBe(seat.wallMs + 1000);
    seat.pass(999);
    expect(seat.unexpected()).toEqual([]);
    seat.pass(1);
    expect(seat.sent()).toEqual(["a#2"]);
    expect(seat.takeAll("archiveAttempt")).toHaveLength(1);
    seat.end("a#2", exited(2));
    expect(seat.record("a").retryAtMs).toBe(seat.wallMs + 2000);
    seat.pass(2000);
    expect(seat.sent()).toEqual(["a#3"]);
    seat.end("a#3", { type: "signalled", signal: "SIGSEGV" });
    expect(seat.record("a")).toMatchObject({
      state: "failed",
      attempt: 3,
      failures: 3,
      signal: "SIGSEGV",
      reason: { type: "signalled", signal: "SIGSEGV" },
    });
    expect(seat.finished()).toBe("failed");
    expect(seat.commands("closeJob")).toHaveLength(1);
    expect(seat.unexpected()).toEqual([]);
  });

  it("repeats at once without a backoff, in the same step", () => {
    const seat = Seat.running({ a: { retry: { ...retry, backoffMs: 0 } } });
    seat.sent();
    seat.end("a", exited(1));
    expect(seat.sent()).toEqual(["a#2"]);
    expect(seat.unexpected()).toEqual([]);
  });

  const ends: readonly (readonly [string, AttemptOutcome, number | string])[] = [
    ["an exit code", exited(75), 75],
    ["a signal", { type: "signalled", signal: "SIGKILL" }, "SIGKILL"],
    ["missing outputs", { type: "outputsMissing", missing: ["x"], count: 1 }, "outputs"],
  ];
  it.each(ends)("repeats after %s that it names, and after no other end", (_, outcome, on) => {
    const policy = { limit: 1, backoffMs: 100, factor: 1, maxMs: 100 };
    const seat = Seat.running({
      named: { retry: { ...policy, on: [7, on] } },
      other: { retry: { ...policy, on: [7] } },
    });
    seat.sent();
    seat.end("named", outcome);
    seat.end("other", outcome);
    expect(seat.record("named").state).toBe("backoff");
    expect(seat.record("other").state).toBe("failed");
  });

  it("repeats after the time limit where it is named", () => {
    const policy = { limit: 1, backoffMs: 100, factor: 1, maxMs: 100 };
    const seat = Seat.running({
      named: { timeoutMs: 50, retry: { ...policy, on: ["timeout"] } },
      other: { timeoutMs: 50, retry: { ...policy, on: [143, "SIGTERM"] } },
    });
    seat.sent();
    seat.start("named", "other");
    seat.pass(50);
    for (const task of ["named", "other"]) seat.end(task, { type: "signalled", signal: "SIGTERM" });
    expect(seat.record("named").state).toBe("backoff");
    expect(seat.record("other").state).toBe("failed");
  });

  it("fails without the outputs that it promised, though it ended with 0", () => {
    const seat = Seat.running({ a: [], b: ["a"] });
    seat.sent();
    seat.end("a", { type: "outputsMissing", missing: ["x", "y"], count: 7 });
    expect(seat.record("a")).toMatchObject({
      state: "failed",
      exitCode: 0,
      reason: { type: "outputsMissing", missing: ["x", "y"], count: 7 },
    });
    expect(seat.record("b").state).toBe("skipped");
  });

  it("never computes a wait that is no number or beyond its bounds", () => {
    const policies = fc.record({
      limit: fc.constant(1000),
      on: fc.constant(null),
      backoffMs: fc.nat(10_000),
      factor: fc.double({ min: 1, max: 100, noNaN: true }),
      maxMs: fc.nat(1_000_000),
    });
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 1000 }), (policy, repetition) => {
        const waitMs = backoffMs(policy, repetition);
        expect(waitMs).toBeGreaterThanOrEqual(0);
        expect(waitMs).toBeLessThanOrEqual(policy.maxMs);
        expect(waitMs).toBeGreaterThanOrEqual(Math.min(policy.backoffMs, policy.maxMs));
      }),
    );
    expect(backoffMs({ limit: 1000, on: null, backoffMs: 0, factor: 100, maxMs: 1000 }, 1000)).toBe(0);
  });

  it("ignores what is told of an earlier attempt, but acknowledges its end", () => {
    const seat = Seat.running({ a: { retry: { ...retry, backoffMs: 0 } } });
    seat.end("a", exited(1));
    expect(seat.sent()).toEqual(["a#1", "a#2"]);
    seat.forget();
    seat.end("a", exited(0));
    expect(seat.commands("acknowledgeAttempts")).toEqual([
      { type: "acknowledgeAttempts", attempts: [seat.id("a")] },
    ]);
    expect(seat.untaken()).toEqual([]);
  });
});

describe("time limits", () => {
  const plan = { a: { timeoutMs: 60_000, retry: { ...retry, limit: 1 } } };

  it("do not count against an attempt that had ended by itself before the stop reached it", () => {
    const seat = Seat.running(plan);
    seat.start("a");
    seat.pass(60_000);
    expect(seat.commands("stopAttempts")).toHaveLength(1);
    seat.end("a", exited(0));
    expect(seat.record("a")).toMatchObject({ state: "succeeded", reason: null });
  });

  it("counts from the start, stops the attempt, and repeats it as a failure", () => {
    const seat = Seat.running(plan);
    expect(seat.sent()).toEqual(["a#1"]);
    seat.pass(100_000);
    expect(seat.unexpected()).toEqual([]);
    seat.start("a");
    seat.pass(59_999);
    expect(seat.unexpected()).toEqual([]);
    seat.pass(1);
    expect(seat.commands("stopAttempts")).toEqual([
      { type: "stopAttempts", attempts: [seat.id("a")], graceMs: GRACE_MS },
    ]);
    seat.end("a", { type: "signalled", signal: "SIGTERM" });
    const reason = { type: "timedOut", timeoutMs: 60_000 };
    expect(seat.record("a")).toMatchObject({ state: "backoff", failures: 1, reason });
    seat.pass(1000);
    expect(seat.sent()).toEqual(["a#2"]);
    seat.start("a#2");
    seat.pass(60_000);
    expect(seat.stopped()).toEqual(["a#2"]);
    // A task that takes SIGTERM for a reason to exit 0 has not done its work.
    seat.end("a#2", stopped);
    expect(seat.record("a")).toMatchObject({ state: "failed", reason });
    expect(seat.finished()).toBe("failed");
    expect(seat.commands("closeJob")).toHaveLength(1);
    expect(seat.unexpected()).toEqual([]);
  });

  it("lets an attempt alone that ends in time", () => {
    const seat = Seat.running({ a: { timeoutMs: 60_000 }, b: [] });
    expect(seat.sent()).toEqual(["a#1", "b#1"]);
    seat.start("a");
    seat.succeed("a");
    seat.pass(200_000);
    expect(seat.record("a").state).toBe("succeeded");
    expect(seat.unexpected()).toEqual([]);
  });

  it("counts the time that has passed before the start was told", () => {
    const seat = Seat.running(plan);
    expect(seat.sent()).toEqual(["a#1"]);
    const startedAtMs = seat.wallMs - 50_000;
    const started = { ...seat.id("a"), startedAtMs, startedMonoMs: seat.nowMs - 50_000, pid: 1 };
    seat.feed({ type: "attemptsStarted", attempts: [started] });
    seat.pass(10_000);
    expect(seat.stopped()).toEqual(["a#1"]);
    expect(seat.unexpected()).toEqual([]);
  });
});

describe("attempts that are lost", () => {
  it(`are repeated without blame, and the task fails with the loss number ${CRASH_LIMIT}`, () => {
    const seat = Seat.running({ a: [] });
    for (let attempt = 1; attempt < CRASH_LIMIT; attempt++) {
      expect(seat.sent()).toEqual([`a#${attempt}`]);
      seat.end(`a#${attempt}`, lost);
    }
    expect(seat.sent()).toEqual([`a#${CRASH_LIMIT}`]);
    expect(seat.record("a")).toMatchObject({ state: "ready", failures: 0 });
    seat.end(`a#${CRASH_LIMIT}`, lost);
    expect(seat.record("a")).toMatchObject({ state: "failed", reason: { type: "lost" } });
    expect(seat.finished()).toBe("failed");
    expect(seat.commands("closeJob")).toHaveLength(1);
    expect(seat.unexpected()).toEqual([]);
  });

  it("give their number back when they were withdrawn before their start", () => {
    const seat = Seat.running({ a: [] });
    for (let time = 1; time < 10; time++) {
      expect(seat.sent()).toEqual(["a#1"]);
      seat.end("a#1", withdrawn);
    }
    seat.sent();
    expect(seat.unexpected()).toEqual([]);
  });

  it("wait a second when the node has no process to give, without using up number or retry limit", () => {
    const seat = Seat.running({ a: [] });
    for (let time = 1; time < 6; time++) {
      expect(seat.sent()).toEqual(["a#1"]);
      seat.end("a#1", noProcess);
      expect(seat.record("a")).toMatchObject({ state: "backoff", failures: 0 });
      seat.pass(999);
      expect(seat.unexpected()).toEqual([]);
      seat.pass(1);
    }
    expect(seat.sent()).toEqual(["a#1"]);
    seat.succeed("a#1");
    expect(seat.finished()).toBe("succeeded");
    expect(seat.commands("closeJob")).toHaveLength(1);
    expect(seat.unexpected()).toEqual([]);
  });

  it("fail at once when the command is wrong", () => {
    const seat = Seat.running({ a: [] }, cpus(1));
    seat.sent();
    const detail = "no such program";
    seat.end("a", { type: "notStarted", reason: "commandNotFound", detail });
    expect(seat.record("a")).toMatchObject({
      state: "failed",
      startedSeq: null,
      reason: { type: "notStarted", reason: "commandNotFound", detail },
    });
    expect(seat.finished()).toBe("failed");
    expect(seat.commands("closeJob")).toHaveLength(1);
    expect(seat.unexpected()).toEqual([]);
  });
});
