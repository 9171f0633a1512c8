import { describe, expect, it } from "vitest";
import { jobSeq, seatNumber } from "../../../protocol/ids.ts";
import type { Resources } from "../../../protocol/resources.ts";
import type { WorkerFact } from "../../../protocol/workerLink.ts";
import { NO_RESOURCES } from "../../../src/node/resources.ts";
import { cpus, Daemon, jobRecord, report, SEAT, UNUSED_POOL } from "./daemon.ts";

const OTHER = seatNumber(1);
const FIRST = { seat: SEAT, epoch: 7, pid: 70 };
const SECOND = { seat: OTHER, epoch: 9, pid: 90 };
const running = (job: number, seat = SEAT) => jobRecord(job, { state: "running", seat });

const readiness = (
  { seat, pid }: typeof FIRST,
  ...loans: readonly (readonly [job: number, serial: number, resources: Resources])[]
): WorkerFact => ({
  type: "workerReady",
  seat,
  pid,
  jobs: loans.map(([job]) => report(job, 50)),
  loans: [
    UNUSED_POOL,
    ...loans.map(([job, serial, resources]) => ({ job: jobSeq(job), serial, resources, inForce: true })),
  ],
});

/** The shell has connected to it, and the core has greeted. */
function connect(daemon: Daemon, holder: typeof FIRST): void {
  daemon.feed({ type: "workerStarted", ...holder });
  daemon.command("hello", holder.seat);
}

const demand = (daemon: Daemon, job: number, count: number, seat = SEAT): void =>
  daemon.tell(
    { type: "demandSlots", job: jobSeq(job), classes: [{ priority: 0, resources: cpus(1), count }] },
    seat,
  );

describe("a new manager", () => {
  it("goes on with the QWorkers that live: no start, the loans stay, their serials go on", () => {
    const daemon = new Daemon({}, [running(1)], [FIRST]);
    daemon.feed({ type: "woken" });
    expect(daemon.take("adoptWorker").seat).toBe(SEAT);
    expect(daemon.unexpected()).toEqual([]);
    daemon.feed({ type: "workerStarted", ...FIRST });
    expect(daemon.command("hello")).toMatchObject({ seat: SEAT, seatEpoch: 7 });
    daemon.tell(readiness(FIRST, [1, 5, cpus(2)]));
    expect(daemon.command("assignJob").job).toBe(1);
    demand(daemon, 1, 2);
    expect(daemon.commands("setLoan").at(-1)).toMatchObject({ serial: 7, resources: cpus(2) });
    expect(daemon.state.seats.get(SEAT)).toMatchObject({ type: "ready", epoch: 7, pid: 70 });
    expect(daemon.unexpected()).toEqual([]);
  });

  it("lends nothing until each QWorker has said what its jobs hold", () => {
    const daemon = new Daemon({}, [running(1), running(2, OTHER)], [FIRST, SECOND]);
    daemon.feed({ type: "woken" });
    expect(daemon.takeAll("adoptWorker")).toHaveLength(2);
    connect(daemon, FIRST);
    connect(daemon, SECOND);
    daemon.tell(readiness(FIRST, [1, 5, cpus(1)]));
    demand(daemon, 1, 4);
    daemon.pass(30_000);
    const { borrower } = daemon.state.admitted.get(jobSeq(1)) ?? {};
    expect(borrower?.granted).toEqual(cpus(1));
    daemon.tell(readiness(SECOND, [2, 3, cpus(1)]), OTHER);
    demand(daemon, 2, 1, OTHER);
    expect(borrower?.granted).toEqual(cpus(3));
  });

  it("lends nothing while a QWorker that has died has no successor that knows what runs", () => {
    const daemon = new Daemon({}, [running(1), running(2, OTHER)], [FIRST, SECOND]);
    daemon.feed({ type: "woken" });
    connect(daemon, FIRST);
    daemon.tell(readiness(FIRST, [1, 5, cpus(1)]));
    demand(daemon, 1, 4);
    daemon.feed({ type: "workerLost", seat: OTHER, epoch: SECOND.epoch, damage: null });
    daemon.pass(500);
    expect(daemon.take("startWorker").seat).toBe(OTHER);
    const { borrower } = daemon.state.admitted.get(jobSeq(1)) ?? {};
    expect(borrower?.granted).toEqual(cpus(1));
    connect(daemon, { ...SECOND, epoch: 10 });
    daemon.feed({
      type: "workerTold",
      seat: OTHER,
      epoch: 10,
      fact: readiness(SECOND, [2, 0, NO_RESOURCES]),
    });
    expect(borrower?.granted).toEqual(cpus(4));
  });

  it("does not heed what was said to the manager before it", () => {
    const daemon = new Daemon({}, [running(1)], [FIRST]);
    daemon.feed({ type: "woken" });
    connect(daemon, FIRST);
    daemon.tell({ type: "jobRefused", job: jobSeq(1), detail: "no memory" });
    daemon.tell({ type: "loanHeld", job: jobSeq(1), serial: 0, resources: NO_RESOURCES });
    const job = daemon.state.admitted.get(jobSeq(1));
    expect(job?.borrower.held).toBeNull();
  });

  it("has one that does not answer killed, and replaces it", () => {
    const daemon = new Daemon({}, [running(1)], [FIRST]);
    daemon.feed({ type: "woken" });
    daemon.take("adoptWorker");
    connect(daemon, FIRST);
    daemon.pass(59_999);
    expect(daemon.unexpected()).toEqual([]);
    daemon.pass(1);
    expect(daemon.take("killWorker").seat).toBe(SEAT);
    daemon.lose();
    daemon.pass(500);
    expect(daemon.take("startWorker").seat).toBe(SEAT);
    expect(daemon.unexpected()).toEqual([]);
  });

  it("keeps one without jobs warm, and sends the others home", () => {
    const daemon = new Daemon({}, [], [FIRST, SECOND]);
    daemon.feed({ type: "woken" });
    expect(daemon.takeAll("adoptWorker")).toHaveLength(2);
    connect(daemon, FIRST);
    connect(daemon, SECOND);
    daemon.tell(readiness(FIRST));
    daemon.tell(readiness(SECOND), OTHER);
    daemon.pass(30_000);
    daemon.command("leave", OTHER);
    expect(daemon.unexpected()).toEqual([]);
  });

  it("replaces one of which nobody has written down who it is", () => {
    const daemon = new Daemon({}, [], [{ seat: SEAT, epoch: 7, pid: null }]);
    daemon.feed({ type: "woken" });
    expect(daemon.take("startWorker").seat).toBe(SEAT);
    expect(daemon.unexpected()).toEqual([]);
  });

  it("that is told to stop waits for those that it has not heard of yet", () => {
    const daemon = new Daemon({}, [running(1)], [FIRST]);
    daemon.feed({ type: "woken" }, { type: "terminationAsked" });
    daemon.take("adoptWorker");
    daemon.pass(2000);
    expect(daemon.unexpected()).toEqual([]);
    connect(daemon, FIRST);
    daemon.tell(readiness(FIRST, [1, 5, cpus(2)]));
    expect(daemon.command("drain").stop).toBe(false);
    daemon.tell({ type: "drained" });
    daemon.command("leave");
    daemon.lose();
    daemon.take("leave");
  });
});
