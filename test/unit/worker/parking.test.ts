import { describe, expect, it } from "vitest";
import { cpus } from "./graphs.ts";
import { exited, JOB, Seat, withdrawn } from "./seat.ts";

const retry = (backoffMs: number) => ({ limit: 5, backoffMs, factor: 1, maxMs: backoffMs });
const HOUR_MS = 3_600_000;

/** Job 1 with one task that has failed and waits for an hour. */
function waiting(): Seat {
  const seat = Seat.running({ a: { retry: retry(HOUR_MS) }, b: ["a"] });
  seat.sent();
  seat.start("a");
  seat.end("a", exited(1));
  return seat;
}

describe("a job that only waits", () => {
  it("is put away when its next repetition is far off, and the manager told until when", () => {
    const seat = waiting();
    const [fact] = seat.facts("jobParked");
    expect(fact).toMatchObject({
      untilMs: seat.wallMs + HOUR_MS,
      report: { tasks: { backoff: 1, waiting: 1 } },
    });
    seat.take("forgetJob");
    expect(seat.state.jobs.size).toBe(0);
    expect(seat.store.jobs.get(JOB)).toMatchObject({ state: "running", parked: true });
    expect(seat.unexpected()).toEqual([]);
  });

  it("goes on where it was when it is assigned again", () => {
    const seat = waiting();
    seat.take("forgetJob");
    seat.pass(HOUR_MS);
    expect(seat.sent()).toEqual([]);
    seat.assignAgain("off");
    seat.load();
    expect(seat.store.jobs.get(JOB)).toMatchObject({ parked: false });
    seat.lend(cpus(4), 2);
    seat.feed({ type: "executorLost", killed: true });
    seat.pass(1);
    seat.hello();
    expect(seat.sent()).toEqual(["a#2"]);
    seat.succeed("a#2");
    seat.succeed("b");
    expect(seat.finished()).toBe("succeeded");
  });

  it("stays while the wait is short, something runs, or something is ready", () => {
    const short = Seat.running({ a: { retry: retry(10_000) } });
    short.end("a", exited(1));
    const running = Seat.running({ a: { retry: retry(HOUR_MS) }, b: [] });
    running.start("a", "b");
    running.end("a", exited(1));
    const ready = Seat.running({ a: { retry: retry(HOUR_MS) }, b: [] }, cpus(1));
    ready.end("a", exited(1));
    for (const seat of [short, running]) expect(seat.facts("jobParked")).toEqual([]);
    expect(ready.sent()).toEqual(["a#1", "b#1"]);
    expect(ready.facts("jobParked")).toEqual([]);
  });

  it("is parked when the last short wait is over and only long ones are left", () => {
    const seat = Seat.running({ a: { retry: retry(HOUR_MS) }, b: { retry: { ...retry(1000), limit: 1 } } });
    seat.sent();
    seat.end("a", exited(1));
    seat.end("b", exited(1));
    expect(seat.facts("jobParked")).toEqual([]);
    seat.pass(1000);
    expect(seat.sent()).toEqual(["b#2"]);
    seat.succeed("b#2");
    expect(seat.facts("jobParked")).toHaveLength(1);
  });

  it("is worth parking only if the wait is long beside the time to load it", () => {
    const seat = Seat.running({ a: { retry: retry(20_000) }, b: { needs: ["a"], count: 100_000 } });
    seat.end("a", exited(1));
    expect(seat.facts("jobParked")).toEqual([]);
  });
});

describe("a paused job", () => {
  it("starts nothing, takes back what has not started, and is put away when the last attempt has ended", () => {
    const seat = Seat.running({ a: [], b: [], c: ["a"] }, cpus(2));
    seat.start("a");
    expect(seat.sent()).toEqual(["a#1", "b#1"]);
    seat.feed({ type: "pauseSet", job: JOB, pause: "hold" });
    expect(seat.commands("setCap").at(-1)).toMatchObject({ cpusMilli: 0 });
    seat.feed({ type: "woken" });
    expect(seat.stopped()).toEqual(["b#1"]);
    seat.end("b", withdrawn);
    expect(seat.facts("demandSlots").at(-1)?.classes).toEqual([
      { priority: 0, resources: cpus(1), count: 1 },
    ]);
    seat.succeed("a");
    expect(seat.sent()).toEqual([]);
    expect(seat.facts("jobParked")).toMatchObject([{ untilMs: null, report: { tasks: { ready: 2 } } }]);
    expect(seat.store.jobs.get(JOB)).toMatchObject({ pause: "hold", parked: true });
    seat.take("forgetJob");
    seat.assignAgain("off");
    seat.load();
    seat.lend(cpus(2), 3);
    expect(seat.sent().sort()).toEqual(["b#1", "c#1"]);
  });

  it("goes on at once when it is resumed before its last attempt has ended", () => {
    const seat = Seat.running({ a: [], b: [] }, cpus(1));
    seat.start("a");
    seat.feed({ type: "pauseSet", job: JOB, pause: "hold" });
    seat.feed({ type: "pauseSet", job: JOB, pause: "off" });
    expect(seat.commands("setCap").at(-1)).toMatchObject({ cpusMilli: 1000 });
    seat.succeed("a");
    expect(seat.sent()).toEqual(["a#1", "b#1"]);
    expect(seat.commands("suspendJob")).toEqual([]);
  });

  it("with stop has its attempts suspended, and their time limits stand still", () => {
    const seat = Seat.running({ a: { timeoutMs: 10_000 } });
    seat.start("a");
    seat.pass(4000);
    seat.feed({ type: "pauseSet", job: JOB, pause: "stop" });
    expect(seat.commands("suspendJob")).toEqual([{ type: "suspendJob", job: JOB, suspended: true }]);
    seat.pass(HOUR_MS);
    expect(seat.stopped()).toEqual([]);
    seat.feed({ type: "pauseSet", job: JOB, pause: "off" });
    expect(seat.commands("suspendJob")).toEqual([{ type: "suspendJob", job: JOB, suspended: false }]);
    seat.pass(5999);
    expect(seat.stopped()).toEqual([]);
    seat.pass(1);
    expect(seat.stopped()).toEqual(["a#1"]);
  });

  it("stays suspended over a death of its QWorker or TaskExecutor", () => {
    const seat = Seat.running({ a: { timeoutMs: 10_000 } });
    seat.start("a");
    seat.feed({ type: "pauseSet", job: JOB, pause: "stop" });
    seat.commands("suspendJob");
    seat.pass(60_000);
    const next = seat.successor();
    next.hello(["a#1"]);
    expect(next.commands("suspendJob")).toEqual([{ type: "suspendJob", job: JOB, suspended: true }]);
    next.pass(HOUR_MS);
    expect(next.stopped()).toEqual([]);
    next.feed({ type: "pauseSet", job: JOB, pause: "off" });
    expect(next.commands("suspendJob")).toEqual([{ type: "suspendJob", job: JOB, suspended: false }]);
    next.pass(9000);
    expect(next.stopped()).toEqual([]);
    next.pass(1000);
    expect(next.stopped()).toEqual(["a#1"]);
  });

  it("that was put away while it was suspended is continued when it comes back", () => {
    const seat = Seat.running({ a: [], b: ["a"] });
    seat.start("a");
    seat.feed({ type: "pauseSet", job: JOB, pause: "stop" });
    seat.commands("suspendJob");
    seat.succeed("a");
    expect(seat.facts("jobParked")).toHaveLength(1);
    seat.assignAgain("off");
    seat.load();
    seat.lend(cpus(1), 2);
    expect(seat.sent().at(-1)).toBe("b#1");
    // The forkserver has it suspended, and would start its attempts so.
    expect(seat.commands("suspendJob")).toEqual([{ type: "suspendJob", job: JOB, suspended: false }]);
  });

  it("that is cancelled is stopped as any other", () => {
    const seat = Seat.running({ a: [], b: ["a"] });
    seat.start("a");
    seat.feed({ type: "pauseSet", job: JOB, pause: "stop" }, { type: "cancelRequested", job: JOB });
    expect(seat.stopped()).toEqual(["a#1"]);
    seat.end("a", { type: "signalled", signal: "SIGTERM" });
    seat.feed({ type: "jobClosed", job: JOB, survivors: 0 });
    expect(seat.finished()).toBe("cancelled");
  });

  it("goes on to its end while the daemon drains, so that it can", () => {
    const seat = Seat.running({ a: [] });
    seat.start("a");
    seat.feed({ type: "pauseSet", job: JOB, pause: "stop" });
    seat.commands("suspendJob");
    seat.feed({ type: "drainRequested", stop: false, graceMs: 10 });
    expect(seat.commands("suspendJob")).toEqual([{ type: "suspendJob", job: JOB, suspended: false }]);
    seat.succeed("a");
    expect(seat.facts("drained")).toHaveLength(1);
  });
});
