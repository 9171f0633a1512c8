import { describe, expect, it } from "vitest";
import { jobSeq, seatNumber } from "../../../protocol/ids.ts";
import { NO_RESOURCES } from "../../../src/node/resources.ts";
import { cpus, Daemon, jobRecord, report, SEAT } from "./daemon.ts";

/** Job 1 is with its QWorker, which then parks it. */
function parked(untilMs: (daemon: Daemon) => number | null, options = {}): Daemon {
  const daemon = new Daemon({ workersMax: 1, ...options });
  daemon.store(jobRecord(1));
  daemon.ready();
  daemon.tell({ type: "jobParked", report: report(1, 5), untilMs: untilMs(daemon) });
  daemon.forget();
  return daemon;
}

const record = (daemon: Daemon, job = 1) => daemon.state.jobs.get(jobSeq(job))?.record;
const inHour = (daemon: Daemon): number => daemon.wallMs + 3_600_000;

describe("a job that only waits", () => {
  it("takes no place: 64 of them keep nobody waiting, whatever their priority", () => {
    const daemon = new Daemon({ workersMax: 1 });
    daemon.store(...Array.from({ length: 65 }, (_, i) => jobRecord(i + 1)));
    daemon.ready();
    expect(daemon.state.queue.map(({ record: { job } }) => job)).toEqual([65]);
    for (let job = 1; job <= 64; job++)
      daemon.tell({ type: "jobParked", report: report(job, 5), untilMs: inHour(daemon) });
    expect(daemon.state.queue).toEqual([]);
    expect([...daemon.state.admitted.keys()]).toEqual([65]);
    expect(daemon.state.parked.size).toBe(64);
  });

  it("is on record before its place is given on, and holds nothing", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    daemon.ready();
    daemon.tell({
      type: "demandSlots",
      job: jobSeq(1),
      classes: [{ priority: 0, resources: cpus(1), count: 2 }],
    });
    daemon.forget();
    const untilMs = inHour(daemon);
    daemon.tell({ type: "jobParked", report: report(1, 5), untilMs });
    expect(daemon.take("recordJob").record).toMatchObject({
      state: "running",
      seat: SEAT,
      parked: { untilMs },
    });
    expect(daemon.state.jobs.get(jobSeq(1))?.borrower).toMatchObject({ demand: [], held: NO_RESOURCES });
  });

  it("comes back to its seat when it is due, also if its QWorker has left meanwhile", () => {
    const daemon = parked((d) => d.wallMs + 600_000);
    daemon.lose();
    daemon.pass(599_999);
    expect(daemon.commands("assignJob")).toEqual([]);
    expect(record(daemon)?.parked).not.toBeNull();
    daemon.pass(1);
    expect(daemon.take("recordJob").record).toMatchObject({ parked: null, state: "running", seat: SEAT });
    daemon.ready();
    expect(daemon.command("assignJob").job).toBe(1);
  });

  it("waits for a place at its seat, and keeps nobody from another", () => {
    const daemon = parked((d) => d.wallMs + 1000, { workersMax: 2 });
    daemon.store(...Array.from({ length: 128 }, (_, i) => jobRecord(i + 2)));
    daemon.ready(seatNumber(1));
    daemon.pass(1000);
    expect(daemon.state.queue.map(({ record: { job } }) => job)).toEqual([1]);
    daemon.store(jobRecord(130));
    const there =
      [...daemon.state.admitted.values()].find(({ record: { seat } }) => seat === 1)?.record.job ?? 0;
    daemon.finish(there, "succeeded", seatNumber(1));
    expect(daemon.state.queue.map(({ record: { job } }) => job)).toEqual([1]);
    expect(record(daemon, 130)?.seat).toBe(1);
    const here =
      [...daemon.state.admitted.values()].find(({ record: { seat } }) => seat === 0)?.record.job ?? 0;
    daemon.finish(here);
    expect(daemon.state.queue).toEqual([]);
    expect(record(daemon)?.parked).toBeNull();
  });

  it("is cancelled at once, before others get a place", () => {
    const daemon = parked(inHour);
    daemon.store(...Array.from({ length: 64 }, (_, i) => jobRecord(i + 2, { priority: 9 })));
    daemon.forget();
    daemon.ask({ type: "cancelJobs", jobs: [jobSeq(1)] });
    expect(daemon.reply("cancelAccepted").jobs).toEqual([1]);
    expect(daemon.command("assignJob").job).toBe(1);
    expect(daemon.command("cancelJob").job).toBe(1);
    daemon.finish(1, "cancelled");
    expect(daemon.state.parked.size + daemon.state.queue.length).toBe(0);
    expect(record(daemon)).toBeUndefined();
  });

  it("is cancelled also where the two messages cross", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    daemon.ready();
    daemon.ask({ type: "cancelJobs", jobs: [jobSeq(1)] });
    daemon.forget();
    daemon.tell({ type: "jobParked", report: report(1, 5), untilMs: inHour(daemon) });
    expect(daemon.command("assignJob").job).toBe(1);
    daemon.command("cancelJob");
  });

  it("comes back after a restart where its cancel had no QWorker to go to", () => {
    const asked = { seat: SEAT, state: "paused", pause: "hold", parked: { untilMs: null } } as const;
    const daemon = new Daemon({}, [jobRecord(1, { ...asked, cancelRequested: true })]);
    daemon.feed({ type: "woken" });
    daemon.ready();
    expect(daemon.command("assignJob").job).toBe(1);
    expect(daemon.command("cancelJob").job).toBe(1);
  });

  it("stays parked over a restart of the manager", () => {
    const before = parked((d) => d.wallMs + 5000);
    const kept = record(before);
    if (kept === undefined) throw new Error("the job is live");
    const daemon = new Daemon({}, [kept]);
    daemon.feed({ type: "woken" });
    expect(daemon.unexpected()).toEqual([]);
    expect(daemon.state.parked.size).toBe(1);
    daemon.pass(5000);
    expect(daemon.take("startWorker").seat).toBe(SEAT);
  });

  it("keeps a transient daemon only while it goes on by itself", () => {
    const daemon = parked(() => null, { transient: true });
    daemon.pass(100);
    expect(record(daemon)?.parked).toBeNull();
    const paused = parked(inHour, { transient: true });
    paused.pass(100_000);
    expect(paused.state.stopping).toBeNull();
    paused.ask({ type: "pauseJobs", jobs: [jobSeq(1)], pause: "hold" });
    paused.pass(100_000);
    expect(paused.state.stopping).not.toBeNull();
  });
});

describe("places in a QWorker", () => {
  it("are not kept from a job by those of a lower priority, up to a bound", () => {
    const daemon = new Daemon({ workersMax: 1 });
    daemon.store(...Array.from({ length: 100 }, (_, i) => jobRecord(i + 1)));
    expect(daemon.state.admitted.size).toBe(64);
    daemon.store(jobRecord(101, { priority: 1 }));
    expect(record(daemon, 101)?.seat).toBe(SEAT);
    for (let priority = 2; priority < 9; priority++) {
      const first = priority * 100;
      daemon.store(...Array.from({ length: 100 }, (_, i) => jobRecord(first + i, { priority })));
    }
    expect(daemon.state.admitted.size).toBe(256);
  });
});

describe("a pause", () => {
  it("of a queued job takes it out of the queue, a resume puts it back", () => {
    const daemon = new Daemon({ workersMax: 0 });
    daemon.store(jobRecord(1), jobRecord(2));
    daemon.ask({ type: "pauseJobs", jobs: [jobSeq(1)], pause: "hold" });
    expect(daemon.reply("pauseAccepted").jobs).toEqual([1]);
    expect(record(daemon)).toMatchObject({ state: "paused", pause: "hold", parked: { untilMs: null } });
    expect(daemon.state.queue.map(({ record: { job } }) => job)).toEqual([2]);
    daemon.ask({ type: "pauseJobs", jobs: [jobSeq(1)], pause: "off" });
    expect(record(daemon)).toMatchObject({ state: "queued", pause: "off" });
    expect(daemon.state.queue.map(({ record: { job } }) => job)).toEqual([1, 2]);
  });

  it("of a running job is told to its QWorker once, and to a successor with the job", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    daemon.ready();
    daemon.ask({ type: "pauseJobs", jobs: [jobSeq(1)], pause: "hold" });
    expect(daemon.command("setPause")).toMatchObject({ job: 1, pause: "hold" });
    daemon.ask({ type: "pauseJobs", jobs: [jobSeq(1)], pause: "hold" });
    expect(daemon.commands("setPause")).toEqual([]);
    expect(record(daemon)).toMatchObject({ state: "paused", parked: null });
    daemon.lose();
    daemon.pass(1000);
    daemon.forget();
    daemon.ready();
    expect(daemon.command("assignJob")).toMatchObject({ job: 1, pause: "hold" });
    expect(daemon.commands("setPause")).toEqual([]);
    daemon.ask({ type: "pauseJobs", jobs: [jobSeq(1)], pause: "off" });
    expect(daemon.command("setPause")).toMatchObject({ job: 1, pause: "off" });
    expect(record(daemon)?.state).toBe("running");
  });

  it("of a parked job keeps it after its time; the resume lets it go on then", () => {
    const daemon = parked((d) => d.wallMs + 1000);
    daemon.ask({ type: "pauseJobs", jobs: [jobSeq(1)], pause: "stop" });
    daemon.pass(10_000);
    expect(record(daemon)).toMatchObject({ state: "paused" });
    expect(daemon.commands("assignJob")).toEqual([]);
    daemon.ask({ type: "pauseJobs", jobs: [jobSeq(1)], pause: "off" });
    expect(daemon.command("assignJob")).toMatchObject({ job: 1, pause: "off" });
  });

  it("that the resume has crossed brings the job back at once", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    daemon.ready();
    daemon.ask({ type: "pauseJobs", jobs: [jobSeq(1)], pause: "hold" });
    daemon.ask({ type: "pauseJobs", jobs: [jobSeq(1)], pause: "off" });
    daemon.forget();
    daemon.tell({ type: "jobParked", report: report(1, 5), untilMs: null });
    daemon.feed({ type: "woken" });
    expect(daemon.command("assignJob")).toMatchObject({ job: 1, pause: "off" });
  });

  it("passes over jobs that have ended or are being cancelled, and refuses unknown ones", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1), jobRecord(2));
    daemon.ready();
    daemon.finish(1);
    daemon.ask({ type: "cancelJobs", jobs: [jobSeq(2)] });
    daemon.ask({ type: "pauseJobs", jobs: [jobSeq(1), jobSeq(2)], pause: "hold" });
    expect(daemon.reply("pauseAccepted").jobs).toEqual([]);
    daemon.ask({ type: "pauseJobs", jobs: [jobSeq(77)], pause: "hold" });
    expect(daemon.reply("refused").code).toBe("notFound");
  });

  it("of a paused job is ended by its cancel", () => {
    const daemon = new Daemon({ workersMax: 0 });
    daemon.store(jobRecord(1));
    daemon.ask({ type: "pauseJobs", jobs: [jobSeq(1)], pause: "hold" });
    daemon.ask({ type: "cancelJobs", jobs: [jobSeq(1)] });
    expect(daemon.takeAll("recordJob").at(-1)?.record).toMatchObject({ state: "cancelled", parked: null });
    expect(daemon.state.jobs.size).toBe(0);
  });
});
