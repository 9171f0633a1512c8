import { describe, expect, it } from "vitest";
import { cpus } from "./graphs.ts";
import { exited, JOB, lost, noProcess, Seat, withdrawn } from "./seat.ts";

const cancel = { type: "cancelRequested", job: JOB } as const;
const plan = { a: [], b: ["a"], c: ["b"] };

describe("cancel", () => {
  it("before it is assigned is nobody's business", () => {
    const seat = new Seat();
    seat.feed(cancel);
    expect(seat.untaken()).toEqual([]);
  });

  it("while it is being read ends it as soon as it is there", () => {
    const seat = new Seat();
    seat.assign(plan);
    seat.feed(cancel);
    seat.load();
    expect(seat.records()).toEqual(["a cancelled", "b cancelled", "c cancelled"]);
    expect(seat.finished()).toBe("cancelled");
    expect(seat.unexpected()).toEqual([]);
  });

  it("while its tasks are ready and nothing has run ends it at once", () => {
    const seat = Seat.running(plan, cpus(0));
    seat.feed(cancel);
    expect(seat.finished()).toBe("cancelled");
    expect(seat.record("a")).toMatchObject({ attempt: 0, reason: { type: "cancelled" } });
    expect(seat.unexpected()).toEqual([]);
  });

  it("of what was sent and has not started withdraws it", () => {
    const seat = Seat.running(plan);
    expect(seat.sent()).toEqual(["a#1"]);
    seat.feed(cancel);
    expect(seat.stopped()).toEqual(["a#1"]);
    expect(seat.unexpected()).toEqual([]);
    seat.end("a", withdrawn);
    expect(seat.commands("closeJob")).toHaveLength(1);
    expect(seat.unexpected()).toEqual([]);
    seat.feed({ type: "jobClosed", job: JOB, survivors: 0 });
    expect(seat.finished()).toBe("cancelled");
    expect(seat.record("a").state).toBe("cancelled");
    expect(seat.unexpected()).toEqual([]);
  });

  it("of what runs stops it, and the job ends when its last process is confirmed dead", () => {
    const seat = Seat.running({ ...plan, d: [] });
    expect(seat.sent()).toEqual(["a#1", "d#1"]);
    seat.start("a", "d");
    seat.records();
    seat.feed(cancel);
    expect(seat.records()).toEqual(["b cancelled", "c cancelled"]);
    expect(seat.stopped()).toEqual(["a#1", "d#1"]);
    seat.end("a", { type: "signalled", signal: "SIGTERM" });
    expect(seat.unexpected()).toEqual([]);
    seat.end("d", exited(0));
    expect(seat.commands("closeJob")).toHaveLength(1);
    expect(seat.store.jobs.get(JOB)?.state).toBe("running");
    seat.feed({ type: "jobClosed", job: JOB, survivors: 0 });
    expect(seat.finished()).toBe("cancelled");
    expect(seat.store.jobs.get(JOB)).toMatchObject({ state: "cancelled", tasks: { cancelled: 4, total: 4 } });
    expect(seat.unexpected()).toEqual([]);
  });

  it("of what waits for its repetition ends it without another attempt", () => {
    const retry = { limit: 5, on: null, backoffMs: 1000, factor: 1, maxMs: 1000 };
    const seat = Seat.running({ a: { retry } });
    seat.sent();
    seat.end("a", exited(1));
    seat.feed(cancel);
    expect(seat.commands("closeJob")).toHaveLength(1);
    seat.feed({ type: "jobClosed", job: JOB, survivors: 0 });
    expect(seat.finished()).toBe("cancelled");
    seat.pass(10_000);
    expect(seat.commands("leave")).toHaveLength(1);
    expect(seat.unexpected()).toEqual([]);
  });

  it("is not undone by an attempt that is lost, or that finds no process", () => {
    const seat = Seat.running({ a: [], b: [] });
    seat.sent();
    seat.feed(cancel);
    expect(seat.stopped()).toEqual(["a#1", "b#1"]);
    seat.end("a", lost);
    seat.end("b", noProcess);
    expect([seat.record("a").state, seat.record("b").state]).toEqual(["cancelled", "cancelled"]);
    expect(seat.commands("closeJob")).toHaveLength(1);
    expect(seat.unexpected()).toEqual([]);
  });

  it("says which processes could not be ended, or that nobody could tell", () => {
    const closing = (): Seat => {
      const seat = Seat.running({ a: [] });
      seat.sent();
      seat.feed(cancel);
      seat.end("a", withdrawn);
      return seat;
    };
    const detailOf = (seat: Seat): string | null | undefined => seat.store.jobs.get(JOB)?.detail;
    const details = [0, 1, 2].map((survivors) => {
      const seat = closing();
      seat.feed({ type: "jobClosed", job: JOB, survivors });
      return detailOf(seat);
    });
    expect(details).toEqual([
      null,
      expect.stringContaining("1 process hangs in the kernel"),
      expect.stringContaining("2 processes hang in the kernel"),
    ]);
    const unanswered = closing();
    unanswered.pass(120_000);
    expect(detailOf(unanswered)).toContain("could not be confirmed");
  });

  it("twice, or while closing, or after the end, is the same as once", () => {
    const seat = Seat.running({ a: [] });
    seat.sent();
    seat.feed(cancel, cancel);
    expect(seat.stopped()).toEqual(["a#1"]);
    seat.end("a", withdrawn);
    expect(seat.commands("closeJob")).toHaveLength(1);
    seat.feed(cancel);
    seat.feed({ type: "jobClosed", job: JOB, survivors: 0 });
    seat.feed(cancel);
    expect(seat.finished()).toBe("cancelled");
    expect(seat.unexpected()).toEqual([]);
  });

  it("ends at its deadline when nobody confirms that the processes are dead", () => {
    const seat = Seat.running({ a: [] });
    seat.sent();
    seat.feed(cancel);
    expect(seat.stopped()).toEqual(["a#1"]);
    seat.end("a", withdrawn);
    expect(seat.commands("closeJob")).toHaveLength(1);
    seat.pass(34_999);
    expect(seat.unexpected()).toEqual([]);
    seat.pass(1);
    expect(seat.finished()).toBe("cancelled");
    expect(seat.unexpected()).toEqual([]);
  });

  it("while closing asks again when the TaskExecutor was replaced, or has reconnected", () => {
    const seat = Seat.running({ a: [] });
    seat.sent();
    seat.feed(cancel);
    expect(seat.stopped()).toEqual(["a#1"]);
    seat.end("a", withdrawn);
    expect(seat.commands("closeJob")).toHaveLength(1);
    // What was said between two connections may not have been heeded.
    seat.hello();
    expect(seat.commands("closeJob")).toHaveLength(1);
    seat.pass(5000);
    seat.feed({ type: "executorLost", killed: true });
    seat.take("startExecutor");
    seat.hello();
    expect(seat.commands("closeJob")).toHaveLength(1);
    seat.feed({ type: "jobClosed", job: JOB, survivors: 0 });
    expect(seat.finished()).toBe("cancelled");
    expect(seat.unexpected()).toEqual([]);
  });

  it("goes on where the last holder of the seat left it", () => {
    const seat = Seat.running({ a: [], b: ["a"] });
    seat.sent();
    seat.start("a");
    seat.feed(cancel);
    const next = seat.successor();
    expect(next.stopped()).toEqual(["a#1"]);
    next.hello(["a#1"]);
    expect(next.stopped()).toEqual(["a#1"]);
    next.end("a", { type: "signalled", signal: "SIGTERM" });
    expect(next.commands("closeJob")).toHaveLength(1);
    const third = next.successor();
    third.hello();
    expect(third.commands("closeJob")).toHaveLength(1);
    third.feed({ type: "jobClosed", job: JOB, survivors: 0 });
    expect(third.finished()).toBe("cancelled");
    expect(third.unexpected()).toEqual([]);
  });
});

describe("cancel that races with completion", () => {
  it("has one outcome, a thousand times, and nothing is sent after it was said", () => {
    const outcomes = new Map<string, number>();
    for (let round = 0; round < 1000; round++) {
      const seat = Seat.running({ a: [], b: ["a"] }, cpus(4));
      expect(seat.sent()).toEqual(["a#1"]);
      const ended = {
        ...seat.id("a"),
        outcome: exited(0),
        startedAtMs: seat.wallMs,
        startedMonoMs: seat.nowMs,
        endedAtMs: seat.wallMs,
        endedMonoMs: seat.nowMs,
        usage: null,
        stdout: null,
        stderr: null,
      };
      const end = { type: "attemptsEnded", attempts: [ended] } as const;
      const started = { type: "attemptsStarted", attempts: [{ ...seat.id("a"), ...STARTED }] } as const;
      // All orders in which they can come, in one batch or in several, some of them twice.
      const orders = [
        [started, cancel, end],
        [started, end, cancel],
        [cancel, started, end],
        [cancel, end, started],
        [started, cancel, end, end],
        [cancel, cancel, started, end],
      ];
      const order = orders[round % orders.length] ?? [];
      if (round % 2 === 0) seat.feed(...order);
      else for (const event of order) seat.feed(event);
      // Sent before the cancel came: withdrawn by it.
      for (const name of seat.sent()) {
        expect(seat.stopped()).toContain(name);
        seat.end(name, withdrawn);
      }
      const finals = seat.records().filter((line) => / (succeeded|failed|cancelled|skipped)$/.test(line));
      expect(finals.filter((line) => line.startsWith("a "))).toHaveLength(1);
      expect(finals.filter((line) => line.startsWith("b "))).toHaveLength(1);
      // It has run: it ends when its processes are confirmed dead, unless it had succeeded before.
      expect(seat.commands("closeJob")).toHaveLength(1);
      seat.feed({ type: "jobClosed", job: JOB, survivors: 0 });
      expect(seat.finished()).toBe("cancelled");
      expect(seat.sent()).toEqual([]);
      const key = finals.join();
      outcomes.set(key, (outcomes.get(key) ?? 0) + 1);
    }
    expect(outcomes.size).toBe(2);
  });
});

const STARTED = { startedAtMs: 0, startedMonoMs: 0, pid: 1 };
