import { expect, it } from "vitest";
import { cpus } from "./graphs.ts";
import { exited, Seat } from "./seat.ts";

it("numbers starts and ends that are told together in the order of their times", () => {
  const seat = Seat.running({ a: {}, b: {}, c: {} }, cpus(3));
  seat.sent();
  const endOf = (name: string, startedMs: number, endedMs: number) => ({
    ...seat.id(name),
    outcome: exited(0),
    startedAtMs: seat.wallMs + startedMs,
    startedMonoMs: seat.nowMs + startedMs,
    endedAtMs: seat.wallMs + endedMs,
    endedMonoMs: seat.nowMs + endedMs,
    usage: null,
    stdout: null,
    stderr: null,
  });
  const attempts = [endOf("b", 2, 4), endOf("a", 1, 6), endOf("c", 5, 7)];
  seat.feed({ type: "attemptsEnded", attempts });
  const moments = ["a", "b", "c"].flatMap((name) => {
    const { startedSeq, finishedSeq } = seat.record(name);
    return [
      { what: `${name} starts`, seq: startedSeq ?? 0 },
      { what: `${name} ends`, seq: finishedSeq ?? 0 },
    ];
  });
  const order = moments.toSorted((left, right) => left.seq - right.seq).map(({ what }) => what);
  expect(order).toEqual(["a starts", "b starts", "b ends", "c starts", "a ends", "c ends"]);
});
