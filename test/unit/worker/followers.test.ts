import { describe, expect, it } from "vitest";
import type { AttemptOutcome } from "../../../protocol/executorLink.ts";
import { chainPlan, cpus, type PlanSpec, type SmallPlan } from "./graphs.ts";
import { exited, JOB, lost, Seat, withdrawn } from "./seat.ts";

const CHAIN: PlanSpec = { a: [], b: ["a"], c: ["b"], d: ["c"] };

/** The first of the plan has run for a millisecond: from now on what follows a task is sent along. */
function warm(plan: PlanSpec | SmallPlan, first = "a"): Seat {
  const seat = Seat.running(plan);
  seat.sent();
  seat.start(first);
  seat.end(first, exited(0), 1);
  return seat;
}

/** Attempts that were sent since the last look, with whom they follow: `c#1 after b#1`. */
const sent = (seat: Seat): string[] =>
  seat.takeAll("runAttempt").map(({ job, task, attempt, after }) => {
    const own = `${seat.name(job, task)}#${attempt}`;
    return after === null ? own : `${own} after ${seat.name(job, after.task)}#${after.attempt}`;
  });

const end = (seat: Seat, name: string, outcome: AttemptOutcome = exited(0)): void =>
  seat.end(name, outcome, 1);

describe("what depends on one short task alone", () => {
  it("is sent along with it, each to follow the one before, and holds no slot", () => {
    const seat = warm(CHAIN);
    expect(sent(seat)).toEqual(["b#1", "c#1 after b#1", "d#1 after c#1"]);
    expect(seat.record("c")).toMatchObject({ state: "waiting", attempt: 1, reason: { type: "follows" } });
    expect(seat.state.jobs.get(JOB)?.account.placed).toEqual(cpus(1));
  });

  it("takes the other's place when that has succeeded", () => {
    const seat = warm(CHAIN);
    seat.start("b");
    end(seat, "b");
    seat.start("c");
    expect(seat.record("c")).toMatchObject({ state: "running", reason: null });
    expect(seat.record("c").readySeq).toBeGreaterThan(seat.record("b").finishedSeq ?? 0);
    expect(seat.state.jobs.get(JOB)?.account.placed).toEqual(cpus(1));
    end(seat, "c");
    end(seat, "d");
    expect(seat.finished()).toBe("succeeded");
  });

  it("counts only after the other, in whatever order it is told", () => {
    const seat = warm(CHAIN);
    seat.start("b");
    seat.start("c");
    end(seat, "c");
    end(seat, "d");
    seat.forget();
    expect(seat.record("c")).toMatchObject({ state: "waiting" });
    expect(seat.commands("acknowledgeAttempts")).toEqual([]);
    end(seat, "b");
    for (const [before, after] of ["bc", "cd"]) {
      const { finishedSeq } = seat.record(before ?? "");
      expect(seat.record(after ?? "").startedSeq).toBeGreaterThan(finishedSeq ?? 0);
    }
    expect(seat.finished()).toBe("succeeded");
  });

  it("goes on without a gap in a long chain", () => {
    const seat = warm(chainPlan(1000), "0");
    const row = sent(seat);
    expect(row.length).toBeGreaterThan(30);
    end(seat, "1");
    expect(sent(seat)).toEqual([`${row.length + 1}#1 after ${row.length}#1`]);
  });

  it("is withdrawn and skipped when the other fails", () => {
    const seat = warm(CHAIN);
    end(seat, "d", withdrawn);
    end(seat, "c", withdrawn);
    end(seat, "b", exited(1));
    expect(seat.record("c")).toMatchObject({ state: "skipped", attempt: 0 });
    expect(seat.record("d")).toMatchObject({ state: "skipped" });
    expect(seat.finished()).toBe("failed");
  });

  it("is skipped when its withdrawal is told after that failure", () => {
    const seat = warm(CHAIN);
    end(seat, "b", exited(1));
    expect(seat.record("c").state).toBe("waiting");
    end(seat, "c", withdrawn);
    expect(seat.record("c").state).toBe("skipped");
    end(seat, "d", withdrawn);
    expect(seat.record("d").state).toBe("skipped");
    expect(seat.finished()).toBe("failed");
    expect(seat.state.jobs.get(JOB)?.account.placed).toEqual(cpus(0));
  });

  it("is sent again when the other is repeated and succeeds", () => {
    const retry = { limit: 1, backoffMs: 0, factor: 1, maxMs: 0 };
    const seat = warm({ a: [], b: { needs: ["a"], retry }, c: ["b"] });
    sent(seat);
    end(seat, "c", withdrawn);
    end(seat, "b", exited(1));
    expect(seat.record("c").state).toBe("waiting");
    seat.pass(1);
    expect(sent(seat)).toEqual(["b#2", "c#1 after b#2"]);
    end(seat, "b#2");
    end(seat, "c");
    expect(seat.finished()).toBe("succeeded");
  });

  it("is cancelled with the job, also where the other has succeeded in that moment", () => {
    const seat = warm(CHAIN);
    seat.feed({ type: "cancelRequested", job: JOB });
    end(seat, "b");
    seat.start("c");
    end(seat, "c", { type: "signalled", signal: "SIGTERM" });
    end(seat, "d", withdrawn);
    for (const name of ["b", "c", "d"]) expect(seat.record(name).state).toBe("cancelled");
  });

  it("comes back when it is recalled by a pause, and is sent when the job goes on", () => {
    const seat = warm(CHAIN);
    sent(seat);
    seat.start("b");
    seat.feed({ type: "pauseSet", job: JOB, pause: "hold" });
    expect(seat.stopped()).toEqual(["c#1", "d#1"]);
    end(seat, "d", withdrawn);
    end(seat, "c", withdrawn);
    seat.feed({ type: "pauseSet", job: JOB, pause: "off" });
    end(seat, "b");
    expect(sent(seat)).toEqual(["c#1", "d#1 after c#1"]);
  });

  it("waits again when what ran the other has died, and is not blamed for it", () => {
    const seat = warm(CHAIN);
    seat.start("b");
    seat.hello();
    expect(seat.record("b")).toMatchObject({ state: "ready", losses: 1 });
    expect(seat.record("c")).toMatchObject({ state: "waiting", losses: 0 });
    expect(sent(seat).slice(-3)).toEqual(["b#2", "c#2 after b#2", "d#2 after c#2"]);
  });

  it("does not count when it ran, and the success of the other is lost", () => {
    const seat = warm(CHAIN);
    seat.start("b", "c");
    end(seat, "c");
    end(seat, "b", lost);
    expect(seat.record("c")).toMatchObject({ state: "waiting" });
    expect(seat.record("b").state).toBe("ready");
  });
});

describe("the next holder of the seat", () => {
  it("has it follow still where the end of the other is not on record", () => {
    const seat = warm(CHAIN);
    const next = seat.successor();
    next.hello(["b#1", "c#1", "d#1"]);
    next.lend(cpus(1), 2);
    end(next, "b");
    end(next, "c");
    end(next, "d");
    expect(next.finished()).toBe("succeeded");
  });

  it("has it in the other's place where that is on record", () => {
    const seat = warm(CHAIN);
    end(seat, "b");
    const next = seat.successor();
    expect(next.state.jobs.get(JOB)?.account.placed).toEqual(cpus(1));
    next.hello(["c#1", "d#1"]);
    end(next, "c");
    end(next, "d");
    expect(next.finished()).toBe("succeeded");
  });
});

describe("it is not sent along", () => {
  const withB = (b: object, c: object = { needs: ["b"] }): PlanSpec => ({
    a: [],
    b: { needs: ["a"], ...b },
    c,
  });

  it.each([
    ["where the other promises outputs", withB({ outputs: true })],
    ["where it waits for more", { a: [], x: { needs: [], priority: -1 }, b: ["a"], c: ["b", "x"] }],
    ["where it has another shape", withB({}, { needs: ["b"], resources: cpus(2) })],
    ["where it has another priority", withB({}, { needs: ["b"], priority: 1 })],
    ["where it deals with failures", withB({}, { needs: ["b"], when: "always" })],
    ["where it does nothing", withB({}, { needs: ["b"], executor: "noop" })],
    ["where the other is an array that has not ended but for one", withB({ count: 2 })],
  ] satisfies readonly (readonly [string, PlanSpec])[])("%s", (_, plan) => {
    const seat = warm(plan);
    expect(sent(seat).filter((attempt) => attempt.includes("after"))).toEqual([]);
  });

  it("while its tasks have not shown to be short", () => {
    const seat = Seat.running(CHAIN);
    expect(sent(seat)).toEqual(["a#1"]);
    seat.end("a", exited(0), 1000);
    expect(sent(seat)).toEqual(["b#1"]);
  });

  it("while something of the job is ready", () => {
    const seat = Seat.running({ a: { count: 9 }, b: [], c: ["b"] }, cpus(1));
    sent(seat);
    seat.end("a[1]", exited(0), 50);
    expect(sent(seat).filter((attempt) => attempt.includes("after"))).toEqual([]);
  });
});
