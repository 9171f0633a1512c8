import { describe, expect, it } from "vitest";
import { cpus, smallPlan } from "./graphs.ts";
import { JOB, Seat } from "./seat.ts";

const noop = { executor: "noop" } as const;

/** Those that were sent since the last look: `a#1`. */
const sent = (seat: Seat): string[] => names(seat, seat.takeAll("runNoops")[0]?.attempts ?? []);

function names(seat: Seat, attempts: readonly number[]): string[] {
  const found: string[] = [];
  for (let index = 0; index < attempts.length; index += 2) {
    found.push(`${seat.name(JOB, attempts[index] ?? -1)}#${attempts[index + 1]}`);
  }
  return found;
}

/** As the TaskExecutor answers: all that was sent has ended. */
function endAll(seat: Seat, inOrder = (attempts: readonly number[]) => attempts): string[] {
  const [effect] = seat.takeAll("runNoops");
  if (effect === undefined) return [];
  const attempts = inOrder(effect.attempts);
  seat.feed({ type: "noopsEnded", job: JOB, attempts, atMs: seat.wallMs, monoMs: seat.nowMs });
  return names(seat, attempts);
}

/** Tasks and attempts in turns, the last task first. */
const reversed = (attempts: readonly number[]): number[] =>
  attempts
    .flatMap((_, index) => (index % 2 === 0 ? [attempts.slice(index, index + 2)] : []))
    .toReversed()
    .flat();

describe("tasks that do nothing", () => {
  it("are recorded when they have ended, and not acknowledged", () => {
    const seat = Seat.running({ a: { ...noop, count: 2 }, b: { ...noop, needs: ["a"] } }, cpus(2));
    expect(seat.records()).toEqual([]);
    expect(endAll(seat)).toEqual(["a[1]#1", "a[2]#1"]);
    expect(seat.records()).toEqual(["a[1] succeeded", "a[2] succeeded"]);
    expect(endAll(seat)).toEqual(["b#1"]);
    expect(seat.record("b")).toMatchObject({ state: "succeeded", attempt: 1, exitCode: 0 });
    expect(seat.record("a[1]").finishedSeq).toBeLessThan(seat.record("b").startedSeq ?? 0);
    expect(seat.commands("acknowledgeAttempts")).toEqual([]);
    expect(seat.finished()).toBe("succeeded");
  });

  it("are recorded together when they are many, in the order of the tasks", () => {
    const plan = { a: { ...noop, count: 3 }, b: { ...noop, count: 2, needs: ["a"] } };
    const seat = Seat.running(plan, cpus(4), { endsTogetherMin: 3 });
    expect(endAll(seat, reversed)).toEqual(["a[3]#1", "a[2]#1", "a[1]#1"]);
    const [{ ends } = { ends: null }] = seat.takeAll("recordNoopEnds");
    expect(ends).toMatchObject({ node: "n1", atMs: seat.wallMs, monoMs: seat.nowMs });
    expect([...(ends?.tasks ?? [])]).toEqual([0, 1, 2]);
    expect([...(ends?.attempts ?? [])]).toEqual([1, 1, 1]);
    expect(seat.records()).toEqual([]);
    endAll(seat);
    // Two are not many.
    expect(seat.records()).toEqual(["b[1] succeeded", "b[2] succeeded"]);
    const numbers = ["a[1]", "a[2]", "a[3]", "b[1]", "b[2]"].flatMap((name) => {
      const { readySeq, startedSeq, finishedSeq } = seat.record(name);
      return [[readySeq ?? 0, startedSeq ?? 0, finishedSeq ?? 0]];
    });
    for (const [ready = 0, started = 0, finished = 0] of numbers) {
      expect(ready).toBeGreaterThan(0);
      expect(started).toBeGreaterThan(ready);
      expect(finished).toBe(started + 1);
    }
    expect(new Set(numbers.flat()).size).toBe(15);
    expect(seat.finished()).toBe("succeeded");
  });

  it("end once, however often they are said to have ended", () => {
    const seat = Seat.running({ a: { ...noop, count: 2 }, b: { ...noop, needs: ["a"] } }, cpus(2));
    endAll(seat, (attempts) => [...attempts.slice(0, 2), ...attempts.slice(0, 2)]);
    expect(seat.records()).toEqual(["a[1] succeeded"]);
    expect(sent(seat)).toEqual([]);
    seat.feed({ type: "noopsEnded", job: JOB, attempts: [1, 2, 1, 1], atMs: 1, monoMs: 1 });
    expect(seat.records()).toEqual(["a[2] succeeded"]);
    expect(sent(seat)).toEqual(["b#1"]);
  });

  it("hold their slots until they have ended", () => {
    const seat = Seat.running({ a: { ...noop, count: 5 } }, cpus(2));
    expect(sent(seat)).toEqual(["a[1]#1", "a[2]#1"]);
    expect(seat.state.jobs.get(JOB)?.account.placed.cpusMilli).toBe(2000);
    seat.feed({ type: "noopsEnded", job: JOB, attempts: [0, 1, 1, 1], atMs: 1, monoMs: 1 });
    // They take no time, so all that is left is sent ahead.
    expect(sent(seat)).toEqual(["a[3]#1", "a[4]#1", "a[5]#1"]);
    expect(seat.state.jobs.get(JOB)?.account.placed.cpusMilli).toBe(3000);
  });

  it("are no more at a time than the job may have running", () => {
    const plan = smallPlan({ a: { ...noop, count: 5 } }, { maxRunning: 3 });
    const seat = Seat.running(plan, cpus(9));
    expect(endAll(seat)).toEqual(["a[1]#1", "a[2]#1", "a[3]#1"]);
    expect(sent(seat)).toEqual(["a[4]#1", "a[5]#1"]);
  });

  it("are cancelled when they end after the word to stop", () => {
    const seat = Seat.running({ a: { ...noop, count: 3 } }, cpus(2));
    const attempts = seat.take("runNoops").attempts;
    seat.feed({ type: "cancelRequested", job: JOB });
    expect(seat.records()).toEqual(["a[3] cancelled"]);
    expect(seat.stopped().toSorted()).toEqual(["a[1]#1", "a[2]#1"]);
    seat.feed({ type: "noopsEnded", job: JOB, attempts, atMs: 1, monoMs: 1 });
    expect(seat.records()).toEqual(["a[1] cancelled", "a[2] cancelled"]);
  });

  it("are done again under their number when the answer does not come, however often", () => {
    const seat = Seat.running({ a: noop });
    for (let round = 0; round < 10; round++) {
      expect(sent(seat)).toEqual(["a#1"]);
      seat.hello();
    }
    seat.hello();
    expect(endAll(seat)).toEqual(["a#1"]);
    expect(seat.finished()).toBe("succeeded");
  });

  it("go on under the next holder of the seat", () => {
    const plan = { a: { ...noop, count: 2 }, b: { ...noop, needs: ["a"] } };
    const first = Seat.running(plan, cpus(4), { endsTogetherMin: 1 });
    endAll(first);
    const second = first.successor();
    second.lend(cpus(1), 9);
    second.hello();
    expect(endAll(second)).toEqual(["b#1"]);
    expect(second.finished()).toBe("succeeded");
  });
});
