import { describe, expect, it } from "vitest";
import { jobSeq } from "../../../protocol/ids.ts";
import { cpus, Daemon, jobRecord, report, SEAT } from "./daemon.ts";

function standing(daemon: Daemon, job = 1) {
  daemon.ask({ type: "explainJob", job: jobSeq(job) });
  return daemon.reply("jobStanding").standing;
}

describe("where a job stands", () => {
  it("is its number in the queue, and who is before it", () => {
    const daemon = new Daemon({ workersMax: 0 });
    daemon.store(jobRecord(1), jobRecord(2, { priority: 3 }), jobRecord(3));
    expect(standing(daemon, 2).place).toEqual({ type: "queued", position: 1, ahead: null, seat: null });
    expect(standing(daemon, 3).place).toEqual({ type: "queued", position: 3, ahead: 1, seat: null });
  });

  it("is its QWorker, which starts, serves, has failed, or can never come again", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    expect(standing(daemon).place).toEqual({ type: "seatStarting" });
    daemon.ready();
    expect(standing(daemon).place).toEqual({ type: "seated", seat: SEAT });
    daemon.lose();
    expect(standing(daemon).place).toMatchObject({
      type: "seatAbsent",
      failures: 1,
      inMs: 500,
      damage: null,
    });
  });

  it("is with the parked ones until it is due", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    daemon.ready();
    const untilMs = daemon.wallMs + 1000;
    daemon.tell({ type: "jobParked", report: report(1, 3), untilMs });
    expect(standing(daemon).place).toEqual({ type: "parked", untilMs });
  });

  it("has who holds what of the node, the largest part first", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1), jobRecord(2), jobRecord(3));
    daemon.ready();
    for (const [job, count] of [
      [1, 1],
      [2, 3],
    ] as const) {
      const { borrower } = daemon.state.admitted.get(jobSeq(job)) ?? {};
      if (borrower !== undefined) borrower.held = cpus(count);
    }
    expect(standing(daemon, 3)).toMatchObject({
      capacity: cpus(4),
      draining: false,
      holders: [
        { job: 2, name: "job 2", held: cpus(3) },
        { job: 1, name: "job 1", held: cpus(1) },
      ],
    });
  });

  it("is the end for one that has ended, and refused for one that never was", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    daemon.ready();
    daemon.finish(1);
    expect(standing(daemon).place).toEqual({ type: "ended" });
    daemon.ask({ type: "explainJob", job: jobSeq(9) });
    expect(daemon.reply("refused").code).toBe("notFound");
  });
});
