import { describe, expect, it } from "vitest";
import { jobSeq } from "../../../protocol/ids.ts";
import { CLIENT, Daemon, jobRecord, SEAT, UNUSED_POOL } from "./daemon.ts";

/** A daemon that was asked to delete job 1, which has ended at its seat. */
function asked(): Daemon {
  const daemon = new Daemon();
  daemon.state.nextJob = 3;
  const request = daemon.ask({ type: "pruneJobs", jobs: [jobSeq(1)], folders: true });
  expect(daemon.take("markDeleted")).toMatchObject({ jobs: [1], folders: true });
  const deletions = [{ job: jobSeq(1), seat: SEAT }];
  daemon.feed({ type: "jobsMarked", asked: { client: CLIENT, request }, deletions });
  return daemon;
}

describe("the deletion of a job", () => {
  it("is answered when it is on record; its seat's QWorker deletes the tasks, then the rest goes", () => {
    const daemon = asked();
    expect(daemon.reply("jobsPruned").jobs).toEqual([1]);
    expect(daemon.take("startWorker").seat).toBe(SEAT);
    daemon.ready();
    expect(daemon.command("deleteJob").job).toBe(1);
    daemon.feed({ type: "woken" });
    expect(daemon.commands("deleteJob")).toEqual([]);
    daemon.tell({ type: "jobDeleted", job: jobSeq(1) });
    expect(daemon.take("finishDeletion").job).toBe(1);
    daemon.tell({ type: "jobDeleted", job: jobSeq(1) });
    expect(daemon.takeAll("finishDeletion")).toEqual([]);
  });

  it("is told to the next QWorker when one dies, and goes on under the next manager", () => {
    const daemon = asked();
    daemon.ready();
    daemon.forget();
    daemon.lose();
    daemon.pass(1000);
    daemon.ready();
    expect(daemon.command("deleteJob").job).toBe(1);
    const next = new Daemon({}, [], [], [{ job: jobSeq(1), seat: SEAT }]);
    next.feed({ type: "woken" });
    expect(next.take("startWorker").seat).toBe(SEAT);
  });

  it("is told again when the connection was lost, since the answer may have been", () => {
    const daemon = asked();
    const epoch = daemon.ready();
    expect(daemon.command("deleteJob").job).toBe(1);
    daemon.feed({ type: "workerReconnected", seat: SEAT, epoch });
    daemon.tell({ type: "workerReady", seat: SEAT, pid: 1000 + epoch, jobs: [], loans: [UNUSED_POOL] });
    expect(daemon.command("deleteJob").job).toBe(1);
    daemon.feed({ type: "woken" });
    expect(daemon.commands("deleteJob")).toEqual([]);
  });

  it("needs no QWorker where none has had the job, or none can ever serve again", () => {
    const daemon = new Daemon({}, [], [], [{ job: jobSeq(1), seat: null }]);
    daemon.feed({ type: "woken" });
    expect(daemon.take("finishDeletion").job).toBe(1);
    const damaged = asked();
    damaged.ready();
    damaged.lose(SEAT, "The store is damaged.");
    expect(damaged.take("finishDeletion").job).toBe(1);
  });

  it("passes over jobs that live or are being retried, and keeps a transient daemon until it is done", () => {
    const daemon = new Daemon({ transient: true });
    daemon.store(jobRecord(1));
    daemon.state.nextJob = 4;
    daemon.ask({ type: "retryJob", job: jobSeq(2) });
    daemon.ask({ type: "pruneJobs", jobs: [jobSeq(1), jobSeq(2), jobSeq(3)], folders: false });
    expect(daemon.take("markDeleted").jobs).toEqual([3]);
    const busy = new Daemon({ transient: true }, [], [], [{ job: jobSeq(1), seat: SEAT }]);
    busy.feed({ type: "woken" });
    busy.ready();
    busy.pass(100_000);
    expect(busy.state.stopping).toBeNull();
  });
});
