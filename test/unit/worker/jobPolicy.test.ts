/** What a document says of the whole job: maxRunning and failFast. */
import { describe, expect, it } from "vitest";
import { cpus, type PlanSpec, smallPlan } from "./graphs.ts";
import { exited, JOB, Seat } from "./seat.ts";

const stopped = { type: "signalled", signal: "SIGTERM" } as const;

describe("maxRunning", () => {
  const capped = (plan: PlanSpec, maxRunning: number, loan = cpus(8)): Seat =>
    Seat.running(smallPlan(plan, { maxRunning }), loan);

  it("holds back what the loan would allow, and asks for no more", () => {
    const seat = capped({ a: { count: 6 } }, 2);
    expect(seat.facts("demandSlots").at(-1)?.classes).toMatchObject([{ count: 2 }]);
    expect(seat.sent()).toEqual(["a[1]#1", "a[2]#1"]);
    seat.succeed("a[2]");
    expect(seat.sent()).toEqual(["a[3]#1"]);
    seat.end("a[1]", exited(1));
    expect(seat.sent()).toEqual(["a[4]#1"]);
    expect(seat.facts("demandSlots")).toEqual([]);
  });

  it("has a place for a task that fits beside those that have to wait for each other", () => {
    const large = { count: 5, resources: cpus(1, { memoryBytes: 100 }) };
    const seat = new Seat({ capacity: cpus(8, { memoryBytes: 100 }) });
    seat.hello();
    seat.assign(smallPlan({ large, small: [] }, { maxRunning: 2 }));
    seat.load();
    expect(seat.facts("demandSlots").at(-1)?.classes).toMatchObject([{ count: 1 }, { count: 1 }]);
    seat.lend(cpus(2, { memoryBytes: 100 }), 1);
    expect(seat.sent()).toEqual(["large[1]#1", "small#1"]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("holds also where short attempts are sent ahead", () => {
    const seat = capped({ a: { count: 100 } }, 3);
    seat.sent();
    for (let i = 1; i <= 20; i += 1) seat.end(`a[${i}]`, exited(0), 1);
    expect(seat.state.jobs.get(JOB)?.live.size).toBe(3);
  });

  it("divides the demand among shapes, what runs first", () => {
    const wide = { count: 5, priority: 5, resources: cpus(2), needs: ["root"] };
    const seat = capped({ root: [], narrow: { count: 5 }, wide }, 2);
    expect(seat.sent()).toEqual(["root#1", "narrow[1]#1"]);
    seat.succeed("root");
    expect(seat.sent()).toEqual(["wide[1]#1"]);
    expect(seat.facts("demandSlots").at(-1)?.classes).toMatchObject([
      { count: 1, resources: { cpusMilli: 2000 } },
      { count: 1, resources: { cpusMilli: 1000 } },
    ]);
  });

  it("counts what its predecessor has sent", () => {
    const seat = capped({ a: { count: 6 } }, 2);
    const live = seat.sent();
    const next = seat.successor();
    next.hello(live);
    next.lend(cpus(8), 2);
    expect(next.sent()).toEqual([]);
    next.succeed("a[1]");
    expect(next.sent()).toEqual(["a[3]#1"]);
  });
});

describe("failFast", () => {
  const fast = (plan: PlanSpec, loan = cpus(8)): Seat =>
    Seat.running(smallPlan(plan, { failFast: true }), loan);

  it("cancels what has not started, stops what runs, and the job has failed", () => {
    const retry = { limit: 3, on: null, backoffMs: 1000, factor: 1, maxMs: 1000 };
    const seat = fast(
      { a: [], after: ["a"], b: [], later: ["b"], again: { retry }, c: [], queued: { count: 2 } },
      cpus(4),
    );
    expect(seat.sent()).toEqual(["a#1", "b#1", "again#1", "c#1"]);
    seat.start("a", "b", "c");
    seat.end("again", exited(1));
    expect(seat.sent()).toEqual(["queued[1]#1"]);
    seat.end("a", exited(7));
    expect(seat.stopped()).toEqual(["b#1", "c#1", "queued[1]#1"]);
    expect(seat.sent()).toEqual([]);
    expect(seat.record("after").state).toBe("skipped");
    for (const task of ["later", "again", "queued[2]"]) {
      expect(seat.record(task)).toMatchObject({ state: "cancelled", reason: { type: "failFast", task: 0 } });
    }
    expect(seat.facts("demandSlots").at(-1)?.classes).toMatchObject([{ count: 3 }]);
    seat.end("b", stopped);
    seat.end("c", exited(0));
    seat.end("queued[1]", { type: "withdrawn" });
    expect(seat.record("c")).toMatchObject({ state: "cancelled", reason: { type: "failFast" } });
    seat.commands("closeJob");
    seat.feed({ type: "jobClosed", job: JOB, survivors: 0 });
    expect(seat.finished()).toBe("failed");
    seat.pass(5000);
    expect(seat.unexpected()).toEqual([]);
  });

  it("waits for the last repetition of what fails", () => {
    const retry = { limit: 1, on: null, backoffMs: 100, factor: 1, maxMs: 100 };
    const seat = fast({ a: { retry }, b: [] });
    seat.sent();
    seat.end("a", exited(1));
    expect(seat.stopped()).toEqual([]);
    seat.pass(100);
    seat.end("a#2", exited(1));
    expect(seat.stopped()).toEqual(["b#1"]);
  });

  it("spares what deals with failures", () => {
    const seat = fast({
      a: [],
      b: [],
      first: { needs: ["b"], when: "always" },
      rescue: { needs: ["a"], when: "failure" },
      clean: { needs: ["a", "b", "more"], when: "always" },
      more: ["b"],
      thanks: ["clean"],
    });
    seat.sent();
    seat.start("b");
    seat.end("a", exited(1));
    expect(seat.stopped()).toEqual(["b#1"]);
    expect(seat.sent()).toEqual(["rescue#1"]);
    seat.end("b", stopped);
    expect(seat.sent()).toEqual(["first#1", "clean#1"]);
    seat.succeed("rescue", "first", "clean");
    expect(seat.record("thanks").state).toBe("cancelled");
    seat.commands("closeJob");
    seat.feed({ type: "jobClosed", job: JOB, survivors: 0 });
    expect(seat.finished()).toBe("failed");
  });

  it("is carried on by the next holder of the seat", () => {
    const seat = fast({ a: [], b: [], later: ["b"], clean: { needs: ["b"], when: "always" } });
    seat.sent();
    seat.start("a", "b");
    seat.end("a", exited(1));
    const next = seat.successor();
    next.hello(["b#1"]);
    expect(next.stopped()).toContain("b#1");
    next.lend(cpus(8), 2);
    next.end("b", stopped);
    expect(next.record("b")).toMatchObject({ state: "cancelled", reason: { type: "failFast", task: 0 } });
    expect(next.sent()).toEqual(["clean#1"]);
    next.succeed("clean");
    next.commands("closeJob");
    next.feed({ type: "jobClosed", job: JOB, survivors: 0 });
    expect(next.finished()).toBe("failed");
  });

  it("leaves a job without failures alone", () => {
    const seat = fast({ a: [], b: ["a"] });
    seat.succeed("a", "b");
    expect(seat.finished()).toBe("succeeded");
  });
});
