import { describe, expect, it } from "vitest";
import { COMMON_POOL, type JobSeq, jobSeq } from "../../../protocol/ids.ts";
import { exited, Seat, withdrawn } from "./seat.ts";
import { cpus } from "./graphs.ts";

const [A, B, C] = [jobSeq(1), jobSeq(2), jobSeq(3)];

/** Jobs of one ordinary task, and their pool with a loan. */
function seatOf(jobs: readonly JobSeq[], loan = cpus(1)): Seat {
  const seat = new Seat();
  seat.hello();
  for (const job of jobs) {
    seat.assign({ a: [] }, job);
    seat.load(job);
  }
  seat.feed({ type: "loanSet", job: COMMON_POOL, serial: 1, resources: loan });
  return seat;
}

const sentTo = (seat: Seat): JobSeq[] => seat.takeAll("runAttempt").map(({ job }) => job);

const demands = (seat: Seat): [JobSeq, number][] =>
  seat.facts("demandSlots").map(({ job, classes }) => [job, classes[0]?.count ?? 0]);

describe("jobs of one ordinary task", () => {
  it("ask and hold together, under one cap, the oldest first", () => {
    const seat = seatOf([A, B, C], cpus(2));
    expect(demands(seat)).toEqual([1, 2, 3].map((count) => [COMMON_POOL, count]));
    expect(sentTo(seat)).toEqual([A, B]);
    expect(seat.commands("setCap")).toMatchObject([{ job: COMMON_POOL, cpusMilli: 2000 }]);
    seat.facts("loanHeld");
    seat.end("a", exited(0), 1000, A);
    expect(sentTo(seat)).toEqual([C]);
    expect(demands(seat)).toEqual([[COMMON_POOL, 2]]);
    expect(seat.take("reportFinished").report).toMatchObject({ job: A, isPooled: true });
    expect(seat.facts("loanReturned")).toEqual([]);
  });

  it("are sent ahead of the loan as far as those before them were short", () => {
    const seat = seatOf([A]);
    expect(sentTo(seat)).toEqual([A]);
    seat.end("a", exited(0), 30, A);
    for (const number of [2, 3, 4, 5, 6, 7, 8, 9]) {
      seat.assign({ a: [] }, jobSeq(number));
      seat.load(jobSeq(number));
    }
    // 180 ms of work ahead: six of 30 ms beyond the one that runs.
    expect(sentTo(seat)).toEqual([2, 3, 4, 5, 6, 7, 8]);
  });

  it.each([
    ["several tasks", { a: [], b: [] }, 0],
    ["a wide task", { a: { resources: cpus(2) } }, 0],
    ["memory", { a: { resources: cpus(1, { memoryBytes: 1 }) } }, 0],
    ["a task of another priority", { a: { priority: 1 } }, 0],
    ["a task that does nothing", { a: { executor: "noop" } }, 0],
    ["a priority", { a: [] }, 1],
  ] as const)("do not include one with %s", (_, plan, priority) => {
    const seat = new Seat();
    seat.assign(plan, A, priority);
    seat.load(A);
    expect(demands(seat).map(([job]) => job)).toEqual([A]);
  });

  it("count while they are being read, so that the loan that comes with them stays", () => {
    const seat = new Seat();
    seat.assign({ a: [] }, A);
    expect(demands(seat)).toEqual([]);
    seat.feed({
      type: "jobAssigned",
      job: B,
      round: 1,
      priority: 0,
      pause: null,
      demand: [],
      isPooled: true,
    });
    expect(demands(seat)).toEqual([[COMMON_POOL, 1]]);
  });

  it("are withdrawn when their job is paused, and the next is not held up", () => {
    const seat = seatOf([A, B]);
    seat.feed({ type: "pauseSet", job: A, pause: "hold" });
    expect(seat.stopped()).toEqual(["a#1"]);
    sentTo(seat);
    seat.end("a", withdrawn, 0, A);
    expect(sentTo(seat)).toEqual([B]);
    // Nothing of it runs: it is put away.
    expect(seat.facts("jobParked")).toMatchObject([{ report: { job: A, isPooled: true } }]);
  });

  it("give back what a manager lends to one of them by itself", () => {
    const seat = seatOf([A]);
    seat.facts("loanHeld");
    seat.feed({ type: "loanSet", job: A, serial: 7, resources: cpus(3) });
    expect(seat.facts("loanHeld")).toEqual([{ type: "loanHeld", job: A, serial: 7, resources: cpus(0) }]);
  });

  it("are told to a new manager as one loan", () => {
    const seat = seatOf([A, B], cpus(2));
    seat.feed({ type: "managerSaidHello", capacity: cpus(64) });
    expect(seat.facts("workerReady")).toMatchObject([
      { loans: [{ job: COMMON_POOL, serial: 1, resources: cpus(2), inForce: true }] },
    ]);
  });

  it("follow a manager that came while they were being read, whatever one before it had lent", () => {
    const seat = new Seat({ isGreeted: false });
    seat.assign({ a: [] }, A);
    seat.feed({ type: "managerSaidHello", capacity: cpus(64) });
    seat.facts("workerReady");
    seat.feed({ type: "loanSet", job: COMMON_POOL, serial: 4, resources: cpus(1) });
    seat.feed({ type: "managerSaidHello", capacity: cpus(64) });
    expect(seat.facts("workerReady")).toMatchObject([{ loans: [] }]);
    seat.feed({ type: "loanSet", job: COMMON_POOL, serial: 1, resources: cpus(0) });
    seat.load(A);
    seat.hello();
    expect(seat.facts("loanHeld")).toMatchObject([{ job: COMMON_POOL, serial: 1, resources: cpus(0) }]);
  });

  it("hold, under a successor, what they were sent, until the forkserver has confirmed a cap", () => {
    const next = seatOf([A, B], cpus(2)).successor();
    next.confirmsCaps = false;
    next.feed({ type: "managerSaidHello", capacity: cpus(64) });
    expect(next.facts("workerReady")).toMatchObject([
      { loans: [{ job: COMMON_POOL, resources: cpus(2), inForce: false }] },
    ]);
    next.feed({ type: "loanSet", job: COMMON_POOL, serial: 9, resources: cpus(0) });
    expect(next.facts("loanHeld")).toEqual([]);
    next.hello(["a#1"], [], A);
    const [cap] = next.commands("setCap");
    expect(cap).toMatchObject({ job: COMMON_POOL, cpusMilli: 0 });
    next.feed(next.capSet(cap?.serial ?? 0, COMMON_POOL, 1000));
    expect(next.facts("loanHeld")).toMatchObject([{ job: COMMON_POOL, serial: 9 }]);
  });
});
