import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jobSeq, seatNumber } from "../../../protocol/ids.ts";
import { CLIENT, cpus, Daemon, jobRecord, report, SEAT, waiting } from "./daemon.ts";

const seats = (daemon: Daemon) => [...daemon.state.admitted.values()].map(({ record }) => record.seat);

describe("the queue", () => {
  it("is in order of priority, then of age, whatever the order of arrival", () => {
    const priorities = fc.array(fc.integer({ min: -3, max: 3 }), { maxLength: 40 });
    fc.assert(
      fc.property(priorities, fc.array(fc.nat(), { minLength: 40, maxLength: 40 }), (given, keys) => {
        const daemon = new Daemon({ workersMax: 0 });
        const records = given.map((priority, index) => jobRecord(index + 1, { priority }));
        const shuffled = records
          .map((record, index) => ({ record, key: keys[index] ?? 0 }))
          .toSorted((a, b) => a.key - b.key);
        daemon.store(...shuffled.map(({ record }) => record));
        const sorted = records.toSorted((a, b) => b.priority - a.priority || a.job - b.job);
        expect(daemon.state.queue.map(({ record }) => record.job)).toEqual(sorted.map(({ job }) => job));
      }),
    );
  });

  it("gives the next job to the seat with the fewest, and opens a new one while all have some", () => {
    const daemon = new Daemon({ workersMax: 2 });
    daemon.store(jobRecord(1), jobRecord(2), jobRecord(3), jobRecord(4), jobRecord(5));
    expect(seats(daemon)).toEqual([0, 1, 0, 1, 0]);
    expect(daemon.takeAll("startWorker").map(({ seat }) => seat)).toEqual([0, 1]);
    daemon.ready();
    expect(daemon.commands("assignJob").map(({ job }) => job)).toEqual([1, 3, 5]);
    daemon.finish(1);
    daemon.finish(3);
    daemon.finish(5);
    expect(daemon.commands("releaseJob").map(({ job }) => job)).toEqual([1, 3, 5]);
    daemon.store(jobRecord(6));
    expect(daemon.command("assignJob")).toMatchObject({ job: 6, round: 1, priority: 0 });
    daemon.commands("setLoan");
    expect(daemon.unexpected()).toEqual([]);
  });

  it("puts at most 64 jobs into a QWorker; the rest waits, highest priority first", () => {
    const daemon = new Daemon({ workersMax: 1 });
    daemon.store(...Array.from({ length: 66 }, (_, i) => jobRecord(i + 1, { priority: i === 65 ? 5 : 0 })));
    expect(daemon.state.admitted.size).toBe(64);
    expect(daemon.state.queue.map(({ record }) => record.job)).toEqual([64, 65]);
    expect(daemon.state.admitted.has(jobSeq(66))).toBe(true);
    daemon.ready();
    daemon.finish(1);
    expect(daemon.state.queue.map(({ record }) => record.job)).toEqual([65]);
  });

  it("records who runs a job before the QWorker is told of it", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    expect(daemon.take("recordJob").record).toMatchObject({
      state: "running",
      seat: SEAT,
      startedAtMs: daemon.wallMs,
    });
    daemon.take("startWorker");
    expect(daemon.unexpected()).toEqual([]);
  });

  it("takes the jobs of its predecessor over: running ones stay in their seats", () => {
    const daemon = new Daemon({}, [
      jobRecord(1, { state: "running", seat: seatNumber(2) }),
      jobRecord(2, { priority: 1 }),
      jobRecord(3, { state: "running", seat: seatNumber(2), cancelRequested: true }),
    ]);
    daemon.feed({ type: "woken" });
    expect(daemon.takeAll("startWorker").map(({ seat }) => seat)).toEqual([2, 0]);
    daemon.ready(seatNumber(2));
    expect(daemon.commands("assignJob").map(({ job }) => job)).toEqual([1, 3]);
    expect(daemon.commands("cancelJob").map(({ job }) => job)).toEqual([3]);
  });

  it("fails a job that its QWorker cannot open, with all that had not ended", () => {
    const daemon = new Daemon();
    const tasks = { ...waiting(10), waiting: 4, running: 2, succeeded: 2, failed: 1, skipped: 1 };
    daemon.store(jobRecord(1));
    daemon.ready();
    daemon.tell({ type: "jobProgressed", report: report(1, 5, { tasks }) });
    daemon.takeAll("recordJob");
    daemon.tell({ type: "jobRefused", job: jobSeq(1), detail: "the plan is damaged" });
    const { record } = daemon.take("recordJob");
    expect(record).toMatchObject({
      state: "failed",
      detail: "the plan is damaged",
      finishedAtMs: daemon.wallMs,
    });
    expect(record.tasks).toEqual({ ...waiting(10), waiting: 0, succeeded: 2, skipped: 1, failed: 7 });
    expect(daemon.state.jobs.size).toBe(0);
  });

  it("ignores reports that are older, of another round, or of nobody's job", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    daemon.ready();
    daemon.tell({ type: "jobProgressed", report: report(1, 5, { tasks: waiting(5) }) });
    daemon.tell({ type: "jobProgressed", report: report(1, 5, { tasks: waiting(6) }) });
    daemon.tell({ type: "jobProgressed", report: report(1, 4, { tasks: waiting(7) }) });
    daemon.tell({ type: "jobProgressed", report: report(1, 9, { round: 2, tasks: waiting(8) }) });
    daemon.tell({ type: "jobProgressed", report: report(9, 9) });
    expect(daemon.state.jobs.get(jobSeq(1))?.record.tasks.total).toBe(5);
  });
});

describe("cancel", () => {
  it("ends a queued job at once, and says so when that is on disk", () => {
    const daemon = new Daemon({ workersMax: 0 });
    daemon.store(jobRecord(1), jobRecord(2));
    const request = daemon.ask({ type: "cancelJobs", jobs: [jobSeq(2), jobSeq(2)] });
    expect(daemon.take("recordJob").record).toMatchObject({
      job: 2,
      state: "cancelled",
      tasks: { waiting: 0, cancelled: 10 },
    });
    expect(daemon.take("replyFlushed").reply).toEqual({
      type: "cancelAccepted",
      request,
      jobs: [2],
    });
    expect(daemon.state.queue.map(({ record }) => record.job)).toEqual([1]);
    expect(daemon.unexpected()).toEqual([]);
  });

  it("of a job that has ended changes nothing, and of one that never was is refused as a whole", () => {
    const daemon = new Daemon({ workersMax: 0 });
    daemon.store(jobRecord(1), jobRecord(2));
    daemon.ask({ type: "cancelJobs", jobs: [jobSeq(2)] });
    daemon.reply("cancelAccepted");
    daemon.ask({ type: "cancelJobs", jobs: [jobSeq(2)] });
    expect(daemon.reply("cancelAccepted").jobs).toEqual([]);
    daemon.ask({ type: "cancelJobs", jobs: [jobSeq(1), jobSeq(77)] });
    expect(daemon.reply("refused").code).toBe("notFound");
    expect(daemon.state.queue).toHaveLength(1);
    expect(daemon.unexpected()).toEqual([]);
  });

  it("is told to the QWorker of a running job once, and again to its successor", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    daemon.take("startWorker");
    daemon.ask({ type: "cancelJobs", jobs: [jobSeq(1)] });
    expect(daemon.takeAll("recordJob").at(-1)?.record.cancelRequested).toBe(true);
    daemon.reply("cancelAccepted");
    expect(daemon.unexpected()).toEqual([]);
    daemon.ready();
    expect(daemon.commands("assignJob")).toHaveLength(1);
    expect(daemon.commands("cancelJob")).toHaveLength(1);
    daemon.ask({ type: "cancelJobs", jobs: [jobSeq(1)] });
    daemon.reply("cancelAccepted");
    daemon.commands("setLoan");
    expect(daemon.unexpected()).toEqual([]);
    daemon.pass(6000);
    daemon.lose();
    daemon.take("startWorker");
    daemon.ready();
    expect(daemon.commands("cancelJob")).toHaveLength(1);
    daemon.finish(1, "cancelled");
    expect(daemon.takeAll("recordJob").at(-1)?.record.state).toBe("cancelled");
  });
});

describe("followers", () => {
  it("are told how a job stands, each change, and its end, which its seat has on disk; then no more", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    daemon.ask({ type: "followJobs", jobs: [jobSeq(1)] });
    expect(daemon.changes()).toEqual([{ job: 1, state: "running", flushed: false }]);
    daemon.ready();
    daemon.tell({ type: "jobProgressed", report: report(1, 1) });
    daemon.tell({ type: "jobProgressed", report: report(1, 1) });
    expect(daemon.changes()).toHaveLength(1);
    daemon.finish(1);
    expect(daemon.changes()).toEqual([{ job: 1, state: "succeeded", flushed: false }]);
    expect(daemon.state.followers.size).toBe(0);
    daemon.finish(1);
    expect(daemon.changes()).toEqual([]);
  });

  it("are told of an end that no seat has on record when it is on disk", () => {
    const daemon = new Daemon({ capacity: cpus(1) });
    daemon.store(jobRecord(1));
    daemon.ask({ type: "followJobs", jobs: [jobSeq(1)] });
    daemon.changes();
    daemon.ready();
    daemon.tell({ type: "jobRefused", job: jobSeq(1), detail: "no plan" });
    expect(daemon.changes()).toEqual([{ job: 1, state: "failed", flushed: true }]);
  });

  it("of a job that is not live are answered from the store, and are none", () => {
    const daemon = new Daemon();
    const request = daemon.ask({ type: "followJobs", jobs: [jobSeq(8)] });
    expect(daemon.take("replyFromStore")).toEqual({
      type: "replyFromStore",
      client: CLIENT,
      request,
      job: 8,
    });
    expect(daemon.state.followers.size).toBe(0);
    expect(daemon.unexpected()).toEqual([]);
  });

  it("that unfollow, or are gone, hear no more; the others do", () => {
    const daemon = new Daemon({ capacity: cpus(1) });
    daemon.store(jobRecord(1));
    for (const client of ["x", "y", "z"]) daemon.ask({ type: "followJobs", jobs: [jobSeq(1)] }, client);
    daemon.ask({ type: "unfollow" }, "x");
    daemon.reply("unfollowed", "x");
    daemon.feed({ type: "clientGone", client: "y" });
    for (const client of ["x", "y", "z"]) daemon.changes(client);
    daemon.ready();
    daemon.tell({ type: "jobProgressed", report: report(1, 1) });
    expect(["x", "y", "z"].map((client) => daemon.changes(client).length)).toEqual([0, 0, 1]);
  });

  it("of many jobs are told of changes now and then, of each once, and of ends at once", () => {
    const daemon = new Daemon({ workersMax: 1 });
    const jobs = Array.from({ length: 40 }, (_, index) => index + 1);
    for (const job of jobs) daemon.store(jobRecord(job));
    daemon.ask({ type: "followJobs", jobs: jobs.map(jobSeq) });
    expect(daemon.changes()).toHaveLength(40);
    daemon.ready();
    for (const seq of [1, 2, 3]) daemon.tell({ type: "jobProgressed", report: report(1, seq) });
    daemon.tell({ type: "jobProgressed", report: report(2, 1) });
    expect(daemon.changes()).toEqual([]);
    daemon.finish(2);
    expect(daemon.changes()).toEqual([{ job: 2, state: "succeeded", flushed: false }]);
    daemon.pass(500);
    expect(daemon.changes()).toEqual([{ job: 1, state: "running", flushed: false }]);
    daemon.pass(500);
    expect(daemon.changes()).toEqual([]);
  });

  it("of a queued job hear when it is cancelled", () => {
    const daemon = new Daemon({ workersMax: 0 });
    daemon.store(jobRecord(1));
    daemon.ask({ type: "followJobs", jobs: [jobSeq(1)] });
    daemon.ask({ type: "cancelJobs", jobs: [jobSeq(1)] }, "other");
    expect(daemon.changes()).toEqual([
      { job: 1, state: "queued", flushed: false },
      { job: 1, state: "cancelled", flushed: true },
    ]);
  });
});
