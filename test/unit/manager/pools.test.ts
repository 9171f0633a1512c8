import { describe, expect, it } from "vitest";
import { COMMON_POOL, jobSeq } from "../../../protocol/ids.ts";
import { NO_RESOURCES } from "../../../src/node/resources.ts";
import { cpus, Daemon, jobRecord, report, SEAT } from "./daemon.ts";

/** A job of one ordinary task, as its QWorker says. */
function submit(daemon: Daemon, job: number): void {
  daemon.store(jobRecord(job));
  daemon.tell({ type: "jobProgressed", report: report(job, 1, { isPooled: true }) });
}

const demandOf = (daemon: Daemon, job: number, count: number): void =>
  daemon.tell({
    type: "demandSlots",
    job: jobSeq(job),
    classes: count === 0 ? [] : [{ priority: 0, resources: cpus(1), count }],
  });

describe("the common pool of a seat", () => {
  it("borrows for all of its jobs under the number that no job has", () => {
    const daemon = new Daemon({ workersMax: 1 });
    daemon.store(jobRecord(1));
    daemon.ready();
    submit(daemon, 2);
    daemon.commands("setLoan");
    demandOf(daemon, COMMON_POOL, 3);
    expect(daemon.commands("setLoan")).toMatchObject([{ job: COMMON_POOL, resources: cpus(3) }]);
  });

  it("keeps what it wants no more until somebody else wants it, and then until its QWorker has answered", () => {
    const daemon = new Daemon({ workersMax: 1 });
    daemon.store(jobRecord(1));
    daemon.ready();
    submit(daemon, 2);
    demandOf(daemon, COMMON_POOL, 3);
    daemon.commands("setLoan");
    demandOf(daemon, COMMON_POOL, 0);
    demandOf(daemon, 1, 1);
    expect(daemon.commands("setLoan")).toMatchObject([{ job: 1, resources: cpus(1) }]);
    daemon.pass(5000);
    // It has not used what it has kept, and is level with the other.
    expect(daemon.state.pools.get(SEAT)?.borrower.usage).toBe(1250);
    demandOf(daemon, 1, 4);
    const [loan] = daemon.commands("setLoan");
    expect(loan).toMatchObject({ job: COMMON_POOL, resources: NO_RESOURCES });
    const { serial = 0 } = loan ?? {};
    daemon.tell({ type: "loanHeld", job: COMMON_POOL, serial, resources: NO_RESOURCES });
    expect(daemon.commands("setLoan")).toMatchObject([{ job: 1, resources: cpus(4) }]);
  });

  it("has a share for each of its jobs", () => {
    const daemon = new Daemon({ workersMax: 1 });
    daemon.store(jobRecord(1));
    daemon.ready();
    for (const job of [2, 3, 4]) submit(daemon, job);
    demandOf(daemon, 1, 4);
    demandOf(daemon, COMMON_POOL, 3);
    const granted = [
      daemon.state.admitted.get(jobSeq(1))?.borrower,
      daemon.state.pools.get(SEAT)?.borrower,
    ].map((borrower) => borrower?.weight);
    expect(granted).toEqual([1, 3]);
  });

  it("is uncertain after a restart of the manager, and nothing is lent, until its QWorker knows", () => {
    const daemon = new Daemon({ workersMax: 1 }, [jobRecord(1, { state: "running", seat: SEAT })]);
    expect(daemon.state.pools.get(SEAT)?.borrower).toMatchObject({ held: null, certain: false });
    daemon.feed({ type: "woken" });
    daemon.ready(SEAT, {
      loans: [{ job: COMMON_POOL, serial: 4, resources: cpus(3), inForce: true }],
    });
    expect(daemon.commands("setLoan")).toContainEqual(
      expect.objectContaining({ job: COMMON_POOL, serial: 5 }),
    );
    expect(daemon.state.pools.get(SEAT)?.borrower.held).toEqual(cpus(3));
  });

  it("names those of its jobs that run as holders, to whoever asks why another waits", () => {
    const daemon = new Daemon({ workersMax: 1 });
    daemon.store(jobRecord(1));
    daemon.ready();
    for (const job of [2, 3]) submit(daemon, job);
    demandOf(daemon, COMMON_POOL, 1);
    const tasks = { ...report(3, 2).tasks, running: 1 };
    daemon.tell({ type: "jobProgressed", report: report(3, 2, { isPooled: true, tasks }) });
    daemon.ask({ type: "explainJob", job: jobSeq(1) });
    const { standing } = daemon.reply("jobStanding");
    expect(standing.holders).toMatchObject([{ job: 3, held: cpus(1) }]);
  });

  it("goes with its seat", () => {
    const daemon = new Daemon({ workersMax: 1 });
    daemon.store(jobRecord(1));
    daemon.ready();
    submit(daemon, 2);
    demandOf(daemon, COMMON_POOL, 1);
    expect(daemon.state.pools.has(SEAT)).toBe(true);
    daemon.lose(SEAT, "its store is damaged");
    expect(daemon.state.pools.has(SEAT)).toBe(false);
  });
});
