import { describe, expect, it } from "vitest";
import { jobSeq, seatNumber } from "../../../protocol/ids.ts";
import { CLIENT, Daemon, GRACE_MS, jobRecord, report, SEAT, waiting } from "./daemon.ts";

function withWorker(): Daemon {
  const daemon = new Daemon();
  daemon.store(jobRecord(1));
  daemon.ready();
  daemon.tell({ type: "jobProgressed", report: report(1, 1, { tasks: { ...waiting(10), running: 3 } }) });
  daemon.forget();
  return daemon;
}

describe("status", () => {
  const forkserver = {
    pid: 9,
    flavour: "c",
    runningAttempts: 1,
    runningCpusMilli: 1000,
    queuedAttempts: 0,
    heldAttempts: 0,
  } as const;

  it("without QWorkers is answered at once", () => {
    const daemon = new Daemon();
    const request = daemon.ask({ type: "daemonStatus" });
    const { report: told, ...rest } = daemon.reply("daemonReport");
    expect(rest).toEqual({ type: "daemonReport", request });
    expect(told).toMatchObject({
      epoch: 1,
      draining: false,
      transient: false,
      jobs: { queued: 0, running: 0 },
      processes: [{ role: "manager", pid: 50, seat: null, forkserver: null }],
    });
    expect(daemon.unexpected()).toEqual([]);
  });

  it("lists all processes when the QWorkers have answered, and adds up what they refused", () => {
    const daemon = withWorker();
    daemon.store(jobRecord(2));
    daemon.ready(seatNumber(1));
    daemon.forget();
    daemon.ask({ type: "daemonStatus" });
    const [one, two] = daemon.commands("reportStatus");
    expect([one?.seat, two?.seat]).toEqual([0, 1]);
    const request = one?.request ?? 0;
    const refused = { malformed: 2 };
    const answer = { type: "status", request, refused } as const;
    daemon.tell({ ...answer, executors: [{ pid: 8, forkserver }] });
    daemon.tell({ ...answer, executors: [{ pid: 8, forkserver }] });
    expect(daemon.unexpected()).toEqual([]);
    daemon.tell({ ...answer, executors: [] }, seatNumber(1));
    const { processes, refusedFrames } = daemon.reply("daemonReport").report;
    expect(processes.map(({ role, pid, seat }) => `${role} ${pid} ${seat}`)).toEqual([
      "manager 50 null",
      "worker 1001 0",
      "executor 8 0",
      "forkserver 9 0",
      "worker 1002 1",
    ]);
    expect(refusedFrames).toEqual({ malformed: 4 });
    expect(daemon.unexpected()).toEqual([]);
  });

  it("does not wait for a silent QWorker longer than a second", () => {
    const daemon = withWorker();
    daemon.ask({ type: "daemonStatus" });
    const { request } = daemon.command("reportStatus");
    daemon.pass(999);
    expect(daemon.unexpected()).toEqual([]);
    daemon.pass(1);
    expect(daemon.reply("daemonReport").report.processes).toHaveLength(2);
    daemon.tell({ type: "status", request, executors: [], refused: {} });
    expect(daemon.unexpected()).toEqual([]);
  });
});

describe("the end", () => {
  it("comes at once where nothing runs", () => {
    const daemon = new Daemon();
    daemon.ask({ type: "stopDaemon", mode: "drain" });
    expect(daemon.reply("stopping").runningAttempts).toBe(0);
    daemon.take("announceLeaving");
    daemon.take("leave");
    expect(daemon.unexpected()).toEqual([]);
    daemon.feed({ type: "woken" });
    expect(daemon.takeAll("leave")).toEqual([]);
  });

  it("waits for what runs, says how much, dismisses, and leaves when all have gone", () => {
    const daemon = withWorker();
    const request = daemon.ask({ type: "stopDaemon", mode: "drain" });
    expect(daemon.command("drain")).toEqual({ type: "drain", stop: false, graceMs: GRACE_MS });
    expect(daemon.reply("stopping")).toEqual({ type: "stopping", request, runningAttempts: 3 });
    expect(daemon.unexpected()).toEqual([]);
    daemon.pass(499);
    expect(daemon.unexpected()).toEqual([]);
    daemon.pass(1);
    expect(daemon.reply("stopping").runningAttempts).toBe(3);
    daemon.pass(3_600_000);
    daemon.takeAll("reply");
    expect(daemon.unexpected()).toEqual([]);
    daemon.tell({ type: "drained" });
    daemon.command("leave");
    daemon.takeAll("reply");
    expect(daemon.unexpected()).toEqual([]);
    daemon.lose();
    daemon.reply("stopping");
    daemon.take("announceLeaving");
    daemon.take("leave");
    expect(daemon.unexpected()).toEqual([]);
    // The queue is kept.
    expect(daemon.state.jobs.get(jobSeq(1))?.record.state).toBe("running");
  });

  it("at once stops what runs, and dismisses a QWorker that does not drain in time", () => {
    const daemon = withWorker();
    daemon.ask({ type: "stopDaemon", mode: "now" });
    expect(daemon.command("drain").stop).toBe(true);
    daemon.pass(GRACE_MS + 30_000);
    daemon.takeAll("reply");
    expect(daemon.unexpected()).toEqual([]);
    daemon.pass(500);
    daemon.command("leave");
    daemon.pass(15_000);
    daemon.take("killWorker");
    daemon.lose();
    daemon.take("leave");
  });

  it("at once waits for a QWorker as long as its attempts become fewer", () => {
    const daemon = withWorker();
    const tell = (running: number): void => {
      const tasks = { ...waiting(10), waiting: 10 - running, running };
      daemon.tell({ type: "jobProgressed", report: report(1, 100 - running, { tasks }) });
    };
    tell(3);
    daemon.ask({ type: "stopDaemon", mode: "now" });
    daemon.command("drain");
    for (const running of [2, 1]) {
      daemon.pass(GRACE_MS + 25_000);
      tell(running);
    }
    daemon.pass(GRACE_MS + 30_000);
    daemon.takeAll("reply");
    expect(daemon.unexpected()).toEqual([]);
    daemon.pass(500);
    daemon.command("leave");
  });

  it("that is made firm after a long drain gives tasks the same time to go", () => {
    const daemon = withWorker();
    daemon.ask({ type: "stopDaemon", mode: "drain" });
    daemon.pass(3_600_000);
    daemon.forget();
    daemon.ask({ type: "stopDaemon", mode: "now" }, "another");
    expect(daemon.command("drain").stop).toBe(true);
    daemon.takeAll("reply");
    expect(daemon.unexpected()).toEqual([]);
    daemon.pass(GRACE_MS + 30_000);
    daemon.takeAll("reply");
    expect(daemon.unexpected()).toEqual([]);
    daemon.tell({ type: "drained" });
    daemon.command("leave");
  });

  it("is gentle at the first signal and firm at the second; a third changes nothing", () => {
    const daemon = withWorker();
    daemon.feed({ type: "terminationAsked" });
    expect(daemon.command("drain").stop).toBe(false);
    daemon.feed({ type: "terminationAsked" });
    expect(daemon.command("drain").stop).toBe(true);
    daemon.feed({ type: "terminationAsked" });
    daemon.ask({ type: "stopDaemon", mode: "drain" });
    daemon.reply("stopping");
    expect(daemon.state.stopping?.now).toBe(true);
    expect(daemon.unexpected()).toEqual([]);
  });

  it("reaches a QWorker that becomes ready meanwhile, and the successor of one that dies before it has drained", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    daemon.take("startWorker");
    daemon.feed({ type: "terminationAsked" });
    daemon.store(jobRecord(2));
    expect(daemon.unexpected()).toEqual([]);
    daemon.ready();
    expect(daemon.command("drain").stop).toBe(false);
    daemon.command("assignJob");
    expect(daemon.unexpected()).toEqual([]);
    daemon.lose();
    expect(daemon.unexpected()).toEqual([]);
    daemon.pass(1000);
    daemon.take("startWorker");
    daemon.ready();
    expect(daemon.command("drain").stop).toBe(false);
    daemon.command("assignJob");
    daemon.tell({ type: "drained" });
    daemon.command("leave");
    daemon.lose();
    daemon.take("announceLeaving");
    daemon.take("leave");
    expect(daemon.unexpected()).toEqual([]);
  });

  it("does not wait for a seat whose QWorkers die again and again", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    daemon.take("startWorker");
    daemon.feed({ type: "terminationAsked" });
    for (let death = 1; death <= 2; death++) {
      daemon.lose();
      daemon.pass(5000);
      daemon.take("startWorker");
    }
    daemon.lose();
    daemon.take("announceLeaving");
    daemon.take("leave");
    expect(daemon.unexpected()).toEqual([]);
  });

  it("is not told to a client that has gone", () => {
    const daemon = withWorker();
    daemon.ask({ type: "stopDaemon", mode: "drain" });
    daemon.command("drain");
    daemon.reply("stopping");
    daemon.feed({ type: "clientGone", client: CLIENT });
    daemon.pass(5000);
    expect(daemon.unexpected()).toEqual([]);
  });
});

describe("a transient daemon", () => {
  it("leaves after 30 s without work, not before", () => {
    const daemon = new Daemon({ transient: true });
    daemon.feed({ type: "woken" });
    daemon.pass(29_000);
    daemon.store(jobRecord(1));
    daemon.take("startWorker");
    daemon.ready();
    daemon.finish(1);
    daemon.forget();
    daemon.pass(29_999);
    expect(daemon.unexpected()).toEqual([]);
    daemon.pass(1);
    daemon.take("announceLeaving");
    daemon.command("drain");
    daemon.tell({ type: "drained" });
    daemon.command("leave");
    daemon.lose();
    daemon.take("announceLeaving");
    daemon.take("leave");
    expect(daemon.unexpected()).toEqual([]);
  });

  it("stays while somebody follows, submits or runs", () => {
    const daemon = new Daemon({ transient: true });
    daemon.store(jobRecord(1));
    daemon.ready();
    daemon.ask({ type: "followJobs", jobs: [jobSeq(1)] });
    daemon.pass(100_000);
    expect(daemon.state.stopping).toBeNull();
    daemon.finish(1, "succeeded", SEAT);
    daemon.pass(30_000);
    expect(daemon.state.stopping).not.toBeNull();
  });

  it("that is not transient stays", () => {
    const daemon = new Daemon();
    daemon.feed({ type: "woken" });
    daemon.pass(1_000_000);
    expect(daemon.unexpected()).toEqual([]);
  });
});
