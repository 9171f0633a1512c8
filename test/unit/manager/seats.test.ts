import { describe, expect, it } from "vitest";
import { jobSeq, seatNumber } from "../../../protocol/ids.ts";
import { NO_RESOURCES } from "../../../src/node/resources.ts";
import { cpus, Daemon, jobRecord, LEASE_MS, report, SEAT, UNUSED_POOL } from "./daemon.ts";

const started = (daemon: Daemon) => daemon.takeAll("startWorker").length;

describe("a QWorker", () => {
  it("is started for the first job, greeted, and told of it when it is ready", () => {
    const daemon = new Daemon();
    daemon.feed({ type: "woken" });
    expect(daemon.unexpected()).toEqual([]);
    daemon.store(jobRecord(1));
    expect(daemon.take("startWorker").seat).toBe(SEAT);
    expect(daemon.unexpected()).toEqual([]);
    daemon.feed({ type: "workerStarted", seat: SEAT, epoch: 7, pid: 9 });
    expect(daemon.command("hello")).toEqual({ type: "hello", seat: SEAT, seatEpoch: 7, capacity: cpus(4) });
    expect(daemon.unexpected()).toEqual([]);
    daemon.tell({ type: "workerReady", seat: SEAT, pid: 9, jobs: [report(1, 4)], loans: [UNUSED_POOL] });
    daemon.command("assignJob");
    expect(daemon.command("setLoan").resources).toEqual(NO_RESOURCES);
    expect(daemon.state.jobs.get(jobSeq(1))?.reportSeq).toBe(4);
    expect(daemon.unexpected()).toEqual([]);
  });

  it("is greeted again when its connection was lost: whatever was under way is told again", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    const epoch = daemon.ready();
    daemon.take("startWorker");
    daemon.command("assignJob");
    daemon.commands("setLoan");
    daemon.feed({ type: "workerReconnected", seat: SEAT, epoch });
    expect(daemon.command("hello").seatEpoch).toBe(epoch);
    daemon.tell({ type: "workerReady", seat: SEAT, pid: 9, jobs: [report(1, 4)], loans: [UNUSED_POOL] });
    daemon.command("assignJob");
    daemon.commands("setLoan");
    daemon.feed({ type: "workerReconnected", seat: SEAT, epoch: epoch - 1 });
    expect(daemon.unexpected()).toEqual([]);
  });

  it("of another epoch is not heard", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    const epoch = daemon.ready();
    const fact = { type: "jobRefused", job: jobSeq(1), detail: "" } as const;
    daemon.feed({ type: "workerTold", seat: SEAT, epoch: epoch - 1, fact });
    daemon.feed({ type: "workerTold", seat: seatNumber(3), epoch, fact });
    expect(daemon.state.jobs.size).toBe(1);
    daemon.feed({ type: "workerLost", seat: SEAT, epoch: epoch - 1, damage: null });
    expect(daemon.state.seats.get(SEAT)?.type).toBe("ready");
  });

  it("is kept warm when it is the only one idle; others leave after 30 s, and are killed if they do not", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1), jobRecord(2));
    daemon.ready();
    daemon.ready(seatNumber(1));
    daemon.finish(1);
    daemon.finish(2, "succeeded", seatNumber(1));
    daemon.forget();
    daemon.pass(29_999);
    expect(daemon.unexpected()).toEqual([]);
    daemon.pass(1);
    daemon.command("leave", seatNumber(1));
    expect(daemon.unexpected()).toEqual([]);
    daemon.pass(14_999);
    expect(daemon.unexpected()).toEqual([]);
    daemon.pass(1);
    expect(daemon.take("killWorker").seat).toBe(1);
    daemon.lose(seatNumber(1));
    daemon.pass(1_000_000);
    expect(daemon.unexpected()).toEqual([]);
    expect([...daemon.state.seats.keys()]).toEqual([0]);
  });

  it("that leaves gets no job: it goes to another seat", () => {
    const daemon = new Daemon({ workersMax: 3 });
    daemon.store(jobRecord(1), jobRecord(2));
    daemon.ready();
    daemon.ready(seatNumber(1));
    daemon.finish(2, "succeeded", seatNumber(1));
    daemon.finish(1);
    daemon.pass(30_000);
    daemon.command("leave", seatNumber(1));
    daemon.forget();
    daemon.store(jobRecord(3), jobRecord(4));
    expect([...daemon.state.admitted.values()].map(({ record }) => record.seat)).toEqual([0, 2]);
  });

  it("that dies with jobs is started again; what its jobs hold stays held until it is told anew", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    started(daemon);
    daemon.ready();
    const classes = [{ priority: 0, resources: cpus(1), count: 4 }];
    daemon.tell({ type: "demandSlots", job: jobSeq(1), classes });
    daemon.pass(10_000);
    daemon.forget();
    daemon.lose();
    daemon.take("startWorker");
    expect(daemon.unexpected()).toEqual([]);
    const { borrower } = daemon.state.admitted.get(jobSeq(1)) ?? {};
    expect(borrower).toMatchObject({ held: cpus(4), demand: [] });
    daemon.ready(SEAT, { loans: [{ job: jobSeq(1), serial: 0, resources: cpus(2), inForce: true }] });
    expect(borrower?.held).toEqual(cpus(2));
    daemon.command("assignJob");
    expect(daemon.command("setLoan").serial).toBe(3);
    expect(daemon.unexpected()).toEqual([]);
  });

  it("that dies without jobs has a successor, which finds what it left, is not needed and leaves", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    started(daemon);
    daemon.ready();
    daemon.finish(1);
    daemon.forget();
    daemon.pass(10_000);
    daemon.lose();
    expect(started(daemon)).toBe(1);
    daemon.ready();
    expect(daemon.unexpected()).toEqual([]);
    daemon.feed({ type: "terminationAsked" });
    daemon.command("drain");
    daemon.tell({ type: "drained" });
    daemon.command("leave");
    daemon.lose();
    daemon.take("announceLeaving");
    daemon.take("leave");
    expect(daemon.unexpected()).toEqual([]);
  });

  it("whose store is damaged fails its jobs with the reason, and holds back nobody else", () => {
    const daemon = new Daemon({}, [jobRecord(1, { state: "running", seat: SEAT })]);
    daemon.feed({ type: "woken" });
    expect(started(daemon)).toBe(1);
    daemon.lose(SEAT, "the store is damaged");
    expect(daemon.state.jobs.size).toBe(0);
    expect(daemon.unexpected()).toEqual([]);
    daemon.store(jobRecord(2));
    expect(daemon.take("startWorker").seat).not.toBe(SEAT);
    expect(daemon.unexpected()).toEqual([]);
  });

  it("that dies without jobs again and again is given up", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    started(daemon);
    daemon.ready();
    daemon.finish(1);
    daemon.forget();
    for (let death = 1; death < 3; death++) {
      daemon.lose();
      daemon.pass(5000);
      daemon.take("startWorker");
    }
    daemon.lose();
    daemon.pass(60_000);
    expect(daemon.unexpected()).toEqual([]);
    expect(daemon.state.seats.size).toBe(0);
  });

  it("that fails at its start is tried again after longer and longer waits", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    expect(started(daemon)).toBe(1);
    for (const delayMs of [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
      daemon.feed({ type: "workerStarted", seat: SEAT, epoch: 1, pid: 1 });
      daemon.lose();
      daemon.pass(delayMs - 1);
      expect(started(daemon)).toBe(0);
      daemon.pass(1);
      expect(started(daemon)).toBe(1);
    }
  });

  it("that fails again and again right after it was ready waits as long", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    expect(started(daemon)).toBe(1);
    for (const delayMs of [500, 1000, 2000, 4000]) {
      daemon.ready();
      daemon.lose();
      daemon.pass(delayMs - 1);
      expect(started(daemon)).toBe(0);
      daemon.pass(1);
      expect(started(daemon)).toBe(1);
    }
    daemon.ready();
    daemon.pass(5000);
    daemon.lose();
    expect(started(daemon)).toBe(1);
  });

  it("that says nothing for a lease is killed; one that only computes has ten", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    started(daemon);
    const epoch = daemon.ready();
    daemon.forget();
    daemon.pass(600_000);
    expect(daemon.unexpected()).toEqual([]);
    daemon.silent.add(SEAT);
    for (let ms = 0; ms < 500_000; ms += 10_000) {
      daemon.feed({ type: "workerBusy", seat: SEAT, epoch });
      daemon.pass(10_000);
    }
    expect(daemon.unexpected()).toEqual([]);
    daemon.pass(LEASE_MS);
    expect(daemon.take("killWorker").seat).toBe(SEAT);
    daemon.lose();
    expect(started(daemon)).toBe(1);
    expect(daemon.unexpected()).toEqual([]);
  });

  it("is not taken for dead when the manager itself was stopped", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    started(daemon);
    daemon.ready();
    daemon.forget();
    daemon.silent.add(SEAT);
    daemon.nowMs += 10 * LEASE_MS;
    daemon.feed({ type: "woken" });
    daemon.pass(LEASE_MS - 1);
    expect(daemon.unexpected()).toEqual([]);
    daemon.pass(1);
    daemon.take("killWorker");
  });

  it("that is not ready in time is killed, and counts as failed", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    daemon.take("startWorker");
    daemon.feed({ type: "workerStarted", seat: SEAT, epoch: 1, pid: 1 });
    daemon.command("hello");
    daemon.pass(29_999);
    expect(daemon.unexpected()).toEqual([]);
    daemon.pass(1);
    daemon.take("killWorker");
    daemon.lose();
    expect(daemon.unexpected()).toEqual([]);
    daemon.pass(500);
    daemon.take("startWorker");
    expect(daemon.unexpected()).toEqual([]);
  });
});
