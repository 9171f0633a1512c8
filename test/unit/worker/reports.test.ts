import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COMMON_POOL, jobSeq } from "../../../protocol/ids.ts";
import { nextWakeMs } from "../../../worker/core/step.ts";
import { cpus } from "./graphs.ts";
import { exited, JOB, Seat } from "./seat.ts";

describe("reports of a job", () => {
  it("come at most every 100 ms, and the last one always", () => {
    const waits = fc.array(fc.integer({ min: 0, max: 90 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(waits, (pausesMs) => {
        const seat = Seat.running({ a: { count: 100 } }, cpus(2));
        const times: number[] = [];
        let seq = 0;
        const look = (): void => {
          for (const { report } of seat.takeAll("reportProgress")) {
            times.push(seat.nowMs);
            expect(report.seq).toBeGreaterThan(seq);
            seq = report.seq;
          }
        };
        look();
        for (const [index, pauseMs] of pausesMs.entries()) {
          for (let ms = 0; ms < pauseMs; ms++) {
            seat.pass(1);
            look();
          }
          seat.succeed(`a[${index + 1}]`);
          look();
        }
        seat.pass(100);
        look();
        for (const [index, at] of times.entries()) {
          expect(at - (times[index - 1] ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(100);
        }
        expect(seq).toBe(seat.state.jobs.get(JOB)?.seq);
      }),
      { numRuns: 40 },
    );
  });

  it("that are held back have a timer", () => {
    const seat = Seat.running({ a: { count: 10 } }, cpus(1));
    seat.pass(1000);
    seat.succeed("a[1]");
    seat.succeed("a[2]");
    expect(seat.takeAll("reportProgress").at(-1)?.report.tasks.succeeded).toBe(1);
    expect(nextWakeMs(seat.state)).toBe(seat.nowMs + 100);
    seat.pass(100);
    expect(seat.take("reportProgress").report.tasks.succeeded).toBe(2);
  });

  it("name at most eight attempts that run, the oldest first", () => {
    const seat = Seat.running({ a: { count: 20 } }, cpus(20));
    seat.takeAll("reportProgress");
    for (let i = 1; i <= 20; i++) seat.start(`a[${i}]`);
    seat.pass(100);
    const running = seat.takeAll("reportProgress").at(-1)?.running ?? [];
    expect(running.map(({ task }) => task)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it("of its end are repeated to a new manager until the job is released", () => {
    const seat = Seat.running({ a: [] });
    seat.sent();
    seat.end("a", exited(0));
    expect(seat.finished()).toBe("succeeded");
    const { finishedAtMs } = seat.store.jobs.get(JOB) ?? {};
    seat.pass(5000);
    seat.feed({ type: "managerSaidHello", capacity: cpus(4) });
    expect(seat.take("reportFinished").finishedAtMs).toBe(finishedAtMs);
    expect(seat.facts("workerReady")).toMatchObject([{ jobs: [{ job: JOB, state: "succeeded" }] }]);
    seat.assignAgain();
    expect(seat.finished()).toBe("succeeded");
    seat.commands("closeJob");
    seat.feed({ type: "jobReleased", job: JOB });
    seat.take("forgetJob");
    seat.feed({ type: "managerSaidHello", capacity: cpus(4) });
    expect(seat.facts("workerReady")).toMatchObject([{ jobs: [], loans: [{ job: COMMON_POOL }] }]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("are not released while it runs", () => {
    const seat = Seat.running({ a: [] });
    seat.sent();
    seat.feed({ type: "jobReleased", job: JOB });
    seat.succeed("a");
    expect(seat.finished()).toBe("succeeded");
  });

  it("say of a job that cannot be read why", () => {
    const seat = new Seat();
    seat.assign({ a: [] });
    seat.assignAgain();
    expect(seat.takeAll("loadJob")).toHaveLength(1);
    seat.feed({ type: "jobLoadFailed", job: JOB, detail: "the plan is damaged" });
    expect(seat.facts("jobRefused")).toEqual([
      { type: "jobRefused", job: JOB, detail: "the plan is damaged" },
    ]);
    expect(seat.untaken()).toEqual([]);
    seat.assignAgain();
    seat.take("loadJob");
    expect(seat.untaken()).toEqual([]);
  });

  it("are not mixed up between jobs", () => {
    const seat = new Seat();
    seat.hello();
    for (const number of [1, 2, 3]) {
      const job = jobSeq(number);
      seat.assign({ a: [] }, job);
      seat.load(job);
    }
    seat.lend(cpus(3), 1, jobSeq(1));
    expect(seat.sent()).toHaveLength(3);
    seat.end("a", exited(1), 5, jobSeq(2));
    expect(seat.take("reportFinished").report).toMatchObject({ job: 2, state: "failed" });
    expect(seat.commands("closeJob").map(({ job }) => job)).toEqual([2]);
    expect(seat.unexpected()).toEqual([]);
  });
});
