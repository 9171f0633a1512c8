import { describe, expect, it } from "vitest";
import { jobSeq } from "../../../protocol/ids.ts";
import { cpus } from "./graphs.ts";
import { CRASH_LIMIT, lost, Seat } from "./seat.ts";

/** The forkserver dies with all of these, as one TaskExecutor tells it. */
function loseAll(seat: Seat, names: readonly string[]): void {
  const attempts = names.map((name) => ({
    ...seat.id(name),
    outcome: lost,
    startedAtMs: null,
    startedMonoMs: null,
    endedAtMs: seat.wallMs,
    endedMonoMs: seat.nowMs,
    usage: null,
    stdout: null,
    stderr: null,
  }));
  seat.feed({ type: "attemptsEnded", attempts });
}

/** Runs whatever is sent until nothing is; a forkserver with `poison` in it dies with all that is in it. */
function runWithPoison(seat: Seat, poison: string): number {
  let deaths = 0;
  let inside: string[] = [];
  for (let turns = 0; turns < 100; turns++) {
    inside.push(...seat.sent());
    if (inside.length === 0) return deaths;
    seat.start(...inside);
    const killer = inside.find((name) => name.startsWith(`${poison}#`));
    if (killer === undefined) {
      const [first = ""] = inside;
      seat.succeed(first);
      inside = inside.slice(1);
    } else {
      deaths += 1;
      loseAll(seat, inside);
      inside = [];
      seat.pass(10_000);
    }
  }
  throw new Error("it does not end");
}

describe("a task that kills the forkserver each time", () => {
  it("fails by name after crashLimit attempts; those that ran beside it succeed", () => {
    const names = ["a", "b", "poison", "c", "d", "e", "f"];
    const seat = Seat.running(Object.fromEntries(names.map((name) => [name, []])), cpus(7));
    expect(runWithPoison(seat, "poison")).toBe(CRASH_LIMIT);
    for (const name of names) {
      expect([name, seat.record(name).state]).toEqual([name, name === "poison" ? "failed" : "succeeded"]);
    }
    expect(seat.record("poison")).toMatchObject({ attempt: CRASH_LIMIT, losses: CRASH_LIMIT });
    expect(seat.record("poison").reason).toMatchObject({ type: "lost", detail: /crashLimit/ });
  });

  it("is counted across the QWorker's own death, since losses are on record", () => {
    let seat = Seat.running({ a: [] });
    expect(seat.sent()).toEqual(["a#1"]);
    for (let attempt = 2; attempt <= CRASH_LIMIT; attempt++) {
      seat = seat.successor();
      seat.hello();
      seat.lend(cpus(4), attempt);
      expect(seat.sent()).toEqual([`a#${attempt}`]);
      expect(seat.record("a").losses).toBe(attempt - 1);
    }
    seat = seat.successor();
    seat.hello();
    expect(seat.record("a")).toMatchObject({ state: "failed", losses: CRASH_LIMIT });
  });

  it("is not blamed for a reboot", () => {
    let seat = Seat.running({ a: [] });
    for (let reboot = 1; reboot <= CRASH_LIMIT + 1; reboot++) {
      expect(seat.sent()).toEqual([`a#${reboot}`]);
      seat = seat.successor({ rebooted: true });
      seat.hello();
      seat.lend(cpus(4), reboot + 1);
    }
    expect(seat.record("a").losses).toBe(0);
  });
});

describe("suspects", () => {
  /** Two deaths with `a` and `b` in it. */
  function twoSuspects(): Seat {
    const seat = Seat.running({ a: [], b: [], c: [] }, cpus(2));
    expect(seat.sent()).toEqual(["a#1", "b#1"]);
    loseAll(seat, ["a#1", "b#1"]);
    expect(seat.sent()).toEqual(["c#1", "a#2"]);
    seat.succeed("c");
    expect(seat.sent()).toEqual(["b#2"]);
    seat.pass(10_000);
    loseAll(seat, ["a#2", "b#2"]);
    return seat;
  }

  it("run one at a time; the next one's turn comes when the first has ended", () => {
    const seat = twoSuspects();
    expect(seat.sent()).toEqual(["a#3"]);
    seat.start("a#3");
    seat.end("a#3");
    expect(seat.sent()).toEqual(["b#3"]);
  });

  it("that run for a minute hold up the others no longer", () => {
    const seat = twoSuspects();
    expect(seat.sent()).toEqual(["a#3"]);
    seat.start("a#3");
    seat.pass(59_999);
    expect(seat.sent()).toEqual([]);
    seat.pass(1);
    expect(seat.sent()).toEqual(["b#3"]);
  });

  it("on trial are blamed alone, and when one is convicted the others are cleared", () => {
    const seat = twoSuspects();
    expect(seat.sent()).toEqual(["a#3"]);
    seat.end("a#3", lost);
    expect(seat.record("a").state).toBe("failed");
    expect(seat.sent()).toEqual(["b#3"]);
    seat.pass(10_000);
    seat.end("b#3", lost);
    expect(seat.record("b")).toMatchObject({ state: "ready", losses: 1 });
  });

  it("that are cancelled give up their trial", () => {
    const seat = twoSuspects();
    expect(seat.sent()).toEqual(["a#3"]);
    seat.assign({ x: [] }, jobSeq(2));
    seat.feed({ type: "cancelRequested", job: jobSeq(1) });
    seat.end("a#3", { type: "signalled", signal: "SIGTERM" });
    expect(seat.state.trial).toBeNull();
  });
});

describe("what kills TaskExecutors or QWorkers again and again", () => {
  it("is ended after crashLimit deaths of a TaskExecutor in a row, and counts as lost", () => {
    const seat = Seat.running({ a: [] });
    expect(seat.sent()).toEqual(["a#1"]);
    seat.start("a#1");
    for (let death = 1; death <= CRASH_LIMIT; death++) {
      expect(seat.stopped()).toEqual([]);
      seat.pass(5000);
      seat.feed({ type: "executorLost", killed: true });
      seat.hello(["a#1"]);
    }
    expect(seat.commands("stopAttempts")).toMatchObject([{ graceMs: 0 }]);
    seat.end("a#1", { type: "signalled", signal: "SIGKILL" });
    expect(seat.record("a")).toMatchObject({ state: "ready", losses: 1, failures: 0 });
    expect(seat.sent()).toEqual(["a#2"]);
  });

  it("is left alone where they lived long in between", () => {
    const seat = Seat.running({ a: [] });
    seat.sent();
    seat.start("a#1");
    for (let death = 1; death <= 5; death++) {
      seat.pass(10_000);
      seat.feed({ type: "executorLost", killed: true });
      seat.hello(["a#1"]);
    }
    expect(seat.stopped()).toEqual([]);
  });

  it("is ended when the manager counts so many QWorkers that died young", () => {
    const seat = Seat.running({ a: [], b: ["a"] });
    expect(seat.sent()).toEqual(["a#1"]);
    seat.start("a#1");
    const early = seat.successor({ crashes: CRASH_LIMIT - 1 });
    early.hello(["a#1"]);
    expect(early.stopped()).toEqual([]);
    const next = seat.successor({ crashes: CRASH_LIMIT });
    next.hello(["a#1"]);
    expect(next.stopped()).toEqual(["a#1"]);
  });
});
