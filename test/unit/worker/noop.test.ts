import { describe, expect, it } from "vitest";
import { cpus } from "./graphs.ts";
import { JOB, Seat } from "./seat.ts";

const noop = { executor: "noop" } as const;

/** As the TaskExecutor answers: all that was sent has ended. */
function endAll(seat: Seat): string[] {
  const sent = seat.takeAll("runNoop");
  if (sent.length === 0) return [];
  const attempts = sent.flatMap(({ task, attempt }) => [task, attempt]);
  seat.feed({ type: "noopsEnded", job: JOB, attempts, atMs: seat.wallMs, monoMs: seat.nowMs });
  return sent.map(({ task, attempt }) => `${seat.name(JOB, task)}#${attempt}`);
}

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

  it("are done again under their number when the answer does not come, however often", () => {
    const seat = Seat.running({ a: noop });
    for (let round = 0; round < 10; round++) {
      expect(seat.takeAll("runNoop").map(({ attempt }) => attempt)).toEqual([1]);
      seat.hello();
    }
    expect(endAll(seat)).toEqual(["a#1"]);
    expect(seat.finished()).toBe("succeeded");
  });

  it("go on under the next holder of the seat", () => {
    const first = Seat.running({ a: noop, b: { ...noop, needs: ["a"] } });
    endAll(first);
    const second = first.successor();
    second.lend(cpus(1), 9);
    second.hello();
    expect(endAll(second)).toEqual(["b#1"]);
    expect(second.finished()).toBe("succeeded");
  });
});
