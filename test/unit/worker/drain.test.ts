import { describe, expect, it } from "vitest";
import { cpus } from "./graphs.ts";
import { exited, JOB, Seat, withdrawn } from "./seat.ts";

const drain = (stop: boolean) => ({ type: "drainRequested", stop, graceMs: 700 }) as const;

describe("drain", () => {
  it("is done at once where nothing runs", () => {
    const seat = new Seat();
    seat.feed(drain(false));
    expect(seat.facts("drained")).toHaveLength(1);
    seat.feed({ type: "woken" });
    expect(seat.unexpected()).toEqual([]);
  });

  it("starts nothing new, waits for what runs, and asks for no slots", () => {
    const seat = Seat.running({ a: [], b: ["a"], c: [] }, cpus(1));
    expect(seat.sent()).toEqual(["a#1"]);
    seat.start("a");
    seat.forget();
    seat.feed(drain(false));
    expect(seat.facts("demandSlots")).toEqual([{ type: "demandSlots", job: JOB, classes: [] }]);
    expect(seat.commands("setCap")).toMatchObject([{ cpusMilli: 0 }]);
    expect(seat.unexpected()).toEqual([]);
    seat.succeed("a");
    expect(seat.facts("drained")).toHaveLength(1);
    seat.lend(cpus(8), 2);
    expect(seat.unexpected()).toEqual([]);
    expect(seat.record("a").state).toBe("succeeded");
  });

  it("withdraws what waits in the forkserver, once the cap holds, and the next holder runs it", () => {
    const seat = Seat.running({ a: [], b: [] }, cpus(2));
    expect(seat.sent()).toEqual(["a#1", "b#1"]);
    seat.start("a");
    seat.confirmsCaps = false;
    seat.forget();
    seat.feed(drain(false));
    const [cap] = seat.commands("setCap");
    expect(seat.unexpected()).toEqual([]);
    seat.feed(seat.capSet(cap?.serial ?? 0));
    expect(seat.stopped()).toEqual(["b#1"]);
    seat.end("b", withdrawn);
    expect(seat.unexpected()).toEqual([]);
    expect(seat.record("b")).toMatchObject({ state: "ready", reason: { type: "lost" } });
    seat.succeed("a");
    expect(seat.facts("drained")).toHaveLength(1);
    expect(seat.unexpected()).toEqual([]);
    const next = seat.successor();
    next.hello();
    next.lend(cpus(2), 5);
    expect(next.sent()).toEqual(["b#1"]);
    expect(next.unexpected()).toEqual([]);
  });

  it("ends when another manager greets, which does not stop", () => {
    const seat = Seat.running({ a: [], b: [] }, cpus(1));
    expect(seat.sent()).toEqual(["a#1"]);
    seat.start("a");
    seat.feed(drain(false));
    seat.forget();
    seat.feed({ type: "managerSaidHello", capacity: cpus(8) });
    expect(seat.facts("workerReady")).toHaveLength(1);
    expect(seat.commands("setCap")).toMatchObject([{ cpusMilli: 1000 }]);
    seat.succeed("a");
    expect(seat.sent()).toEqual(["b#1"]);
    expect(seat.facts("drained")).toEqual([]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("that stops stops what runs with the grace that it was given, and the next holder repeats it", () => {
    const seat = Seat.running({ a: [], b: [] }, cpus(2));
    seat.sent();
    seat.start("a");
    seat.feed(drain(true));
    expect(seat.commands("stopAttempts")).toMatchObject([
      { attempts: [seat.id("a")], graceMs: 700 },
      { attempts: [seat.id("b")], graceMs: 700 },
    ]);
    seat.end("a", { type: "signalled", signal: "SIGTERM" });
    seat.end("b", withdrawn);
    expect(seat.facts("drained")).toHaveLength(1);
    expect(seat.unexpected()).toEqual([]);
    const next = seat.successor();
    next.hello();
    next.lend(cpus(2), 5);
    expect(next.sent()).toEqual(["a#2", "b#1"]);
    expect(next.unexpected()).toEqual([]);
  });

  it("becomes firm when it is asked again, and says again that it is done", () => {
    const seat = Seat.running({ a: [] });
    seat.sent();
    seat.start("a");
    seat.feed(drain(false));
    expect(seat.unexpected()).toEqual([]);
    seat.feed(drain(true));
    expect(seat.stopped()).toEqual(["a#1"]);
    seat.feed(drain(false));
    expect(seat.unexpected()).toEqual([]);
    seat.end("a", exited(143));
    expect(seat.facts("drained")).toHaveLength(1);
    seat.feed(drain(true));
    expect(seat.facts("drained")).toHaveLength(1);
    expect(seat.unexpected()).toEqual([]);
  });

  it("does not take what may run for waiting while the TaskExecutor is away", () => {
    const seat = Seat.running({ a: [], b: [] }, cpus(2));
    seat.sent();
    seat.start("a");
    const next = seat.successor();
    next.feed(drain(false));
    expect(next.unexpected()).toEqual([]);
    next.confirmsCaps = false;
    next.hello(["a#1", "b#1"]);
    expect(next.unexpected()).toEqual([]);
    next.start("b");
    next.feed(next.capSet(next.state.jobs.get(JOB)?.account.loan.capSerial ?? 0));
    expect(next.unexpected()).toEqual([]);
    next.succeed("a", "b");
    next.take("reportFinished");
    next.commands("closeJob");
    expect(next.facts("drained")).toHaveLength(1);
    expect(next.unexpected()).toEqual([]);
  });

  it("waits for a job that is still being read, and stops what it finds there", () => {
    const seat = Seat.running({ a: [] });
    seat.sent();
    seat.start("a");
    const next = new Seat({ store: seat.store, executorExpected: true, nowMs: seat.nowMs });
    next.assign({ a: [] });
    next.feed(drain(true));
    expect(next.facts("drained")).toEqual([]);
    next.load();
    next.stopped();
    next.hello(["a#1"]);
    expect(next.stopped()).toEqual(["a#1"]);
    expect(next.unexpected()).toEqual([]);
    next.end("a", { type: "signalled", signal: "SIGKILL" });
    expect(next.facts("drained")).toHaveLength(1);
    expect(next.unexpected()).toEqual([]);
  });

  it("lets a cancel go through", () => {
    const seat = Seat.running({ a: [] });
    seat.sent();
    seat.feed(drain(false));
    expect(seat.stopped()).toEqual(["a#1"]);
    seat.feed({ type: "cancelRequested", job: JOB });
    expect(seat.stopped()).toEqual(["a#1"]);
    seat.end("a", withdrawn);
    expect(seat.commands("closeJob")).toHaveLength(1);
    expect(seat.unexpected()).toEqual([]);
    seat.feed({ type: "jobClosed", job: JOB, survivors: 0 });
    expect(seat.finished()).toBe("cancelled");
    expect(seat.facts("drained")).toHaveLength(1);
    expect(seat.unexpected()).toEqual([]);
  });
});
