import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COMMON_POOL } from "../../../protocol/ids.ts";
import { NO_RESOURCES } from "../../../src/node/resources.ts";
import { cpus } from "./graphs.ts";
import { exited, JOB, OTHER_JOB, Seat, withdrawn } from "./seat.ts";

describe("a loan", () => {
  it("bounds what is sent", () => {
    const seat = Seat.running({ a: { count: 10 } }, cpus(3));
    expect(seat.sent()).toEqual(["a[1]#1", "a[2]#1", "a[3]#1"]);
    seat.succeed("a[2]");
    expect(seat.sent()).toEqual(["a[4]#1"]);
    seat.lend(cpus(5), 2);
    expect(seat.sent()).toEqual(["a[5]#1", "a[6]#1"]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("is exceeded only by tasks that have shown to be short, and by no other resource than cpus", () => {
    const seat = Seat.running({ a: { count: 100 } }, cpus(1));
    expect(seat.sent()).toEqual(["a[1]#1"]);
    seat.end("a[1]", exited(0), 30);
    // 180 ms of work ahead: six of 30 ms beyond the one that runs.
    expect(seat.sent()).toEqual([2, 3, 4, 5, 6, 7, 8].map((number) => `a[${number}]#1`));
    expect(seat.state.jobs.get(JOB)?.account.loan.resources).toEqual(cpus(1));
    const withMemory = { resources: cpus(1, { memoryBytes: 10 }), count: 100 };
    const other = Seat.running({ a: withMemory }, cpus(1, { memoryBytes: 10 }));
    other.sent();
    other.end("a[1]", exited(0), 10);
    expect(other.sent()).toEqual(["a[2]#1"]);
  });

  it("of an older serial is ignored", () => {
    const seat = Seat.running({ a: { count: 10 } }, cpus(1));
    seat.sent();
    seat.lend(cpus(2), 7);
    expect(seat.sent()).toHaveLength(1);
    seat.lend(cpus(8), 7);
    seat.lend(cpus(8), 3);
    expect(seat.unexpected()).toEqual([]);
  });

  it("that arrives while the job is being read counts", () => {
    const seat = new Seat();
    seat.hello();
    seat.assign({ a: { resources: cpus(2) } });
    seat.lend(cpus(2), 4);
    seat.load();
    expect(seat.sent()).toEqual(["a#1"]);
    expect(seat.facts("loanHeld")).toEqual([{ type: "loanHeld", job: JOB, serial: 4, resources: cpus(2) }]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("to a job that is over comes back at once", () => {
    const seat = new Seat();
    seat.lend(cpus(4), 9);
    expect(seat.facts("loanHeld")).toEqual([
      { type: "loanHeld", job: JOB, serial: 9, resources: NO_RESOURCES },
    ]);
    expect(seat.untaken()).toEqual([]);
  });

  it("that is recalled is held until what runs has ended, and told as it shrinks", () => {
    const seat = Seat.running({ a: { count: 3 } }, cpus(3));
    seat.start("a[1]", "a[2]", "a[3]");
    seat.sent();
    seat.forget();
    seat.confirmsCaps = false;
    seat.lend(cpus(1), 2);
    const [cap] = seat.commands("setCap");
    expect(cap).toMatchObject({ cpusMilli: 1000 });
    // Before the cap holds, the forkserver may start more than is known here.
    expect(seat.untaken()).toEqual([]);
    seat.feed(seat.capSet(cap?.serial ?? 0));
    expect(seat.facts("loanHeld")).toMatchObject([{ serial: 2, resources: cpus(3) }]);
    seat.succeed("a[1]");
    expect(seat.facts("loanHeld")).toMatchObject([{ serial: 2, resources: cpus(2) }]);
    seat.succeed("a[2]");
    expect(seat.facts("loanHeld")).toMatchObject([{ serial: 2, resources: cpus(1) }]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("is confirmed only by the answer to the latest cap", () => {
    const seat = Seat.running({ a: { count: 3 } }, cpus(3));
    seat.start("a[1]");
    seat.confirmsCaps = false;
    seat.forget();
    seat.sent();
    seat.lend(cpus(2), 2);
    seat.lend(cpus(1), 3);
    const [second, third] = seat.commands("setCap");
    seat.feed(seat.capSet(second?.serial ?? 0));
    expect(seat.untaken()).toEqual([]);
    // A forkserver that died may repeat what an earlier holder of the seat had asked of it.
    seat.feed(seat.capSet(1000));
    expect(seat.untaken()).toEqual([]);
    seat.feed(seat.capSet(third?.serial ?? 0, JOB, 2000));
    expect(seat.facts("loanHeld")).toMatchObject([{ serial: 3, resources: cpus(1) }]);
    seat.feed(seat.capSet(second?.serial ?? 0));
    seat.start("a[2]");
    expect(seat.facts("loanHeld")).toMatchObject([{ serial: 3, resources: cpus(2) }]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("is not exceeded by a start that is told before the end that made room for it", () => {
    const seat = Seat.running({ a: { count: 3 } }, cpus(1));
    seat.start("a[1]");
    seat.end("a[1]", exited(0), 1);
    expect(seat.sent()).toEqual(["a[1]#1", "a[2]#1", "a[3]#1"]);
    seat.facts("loanHeld");
    seat.start("a[2]");
    // Its end is on its way: its output is being read.
    seat.start("a[3]");
    expect(seat.facts("loanHeld")).toEqual([]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("is told to a new manager with all that may run under it", () => {
    const seat = Seat.running({ a: { count: 4 } }, cpus(4));
    seat.start("a[1]");
    seat.sent();
    seat.confirmsCaps = false;
    seat.lend(cpus(1), 2);
    seat.feed({ type: "managerSaidHello", capacity: cpus(64) });
    expect(seat.facts("workerReady")).toMatchObject([
      {
        loans: [
          { job: JOB, serial: 2, resources: cpus(4) },
          { job: COMMON_POOL, serial: 0 },
        ],
      },
    ]);
    const next = seat.successor();
    next.feed({ type: "managerSaidHello", capacity: cpus(64) });
    expect(next.facts("workerReady")).toMatchObject([
      {
        loans: [
          { job: JOB, serial: 0, resources: cpus(4) },
          { job: COMMON_POOL, serial: 0 },
        ],
      },
    ]);
  });

  it("withdraws what is too wide for it, where something narrower waits behind", () => {
    const seat = Seat.running({ wide: { resources: cpus(2) }, a: [] }, cpus(3));
    expect(seat.sent()).toEqual(["wide#1", "a#1"]);
    // The forkserver starts the head of its queue or nothing.
    seat.lend(cpus(1), 2);
    expect(seat.stopped()).toEqual(["wide#1"]);
    seat.end("wide", withdrawn);
    expect(seat.sent()).toEqual([]);
    seat.succeed("a");
    seat.lend(cpus(2), 3);
    expect(seat.sent()).toEqual(["wide#1"]);
  });

  it("of an earlier manager to a job that is still being read does not count for the next one", () => {
    const seat = new Seat();
    seat.hello();
    seat.assign({ a: [] });
    seat.lend(cpus(4), 1);
    seat.feed({ type: "managerSaidHello", capacity: cpus(64) });
    seat.load();
    expect(seat.sent()).toEqual([]);
    // Its serials begin anew.
    seat.lend(cpus(1), 1);
    expect(seat.facts("loanHeld")).toMatchObject([{ serial: 1, resources: cpus(1) }]);
    expect(seat.sent()).toEqual(["a#1"]);
  });

  it("is not confirmed by the answer to a cap of another holder of the seat", () => {
    const first = (pid: number): number => new Seat({ pid }).state.capSerial;
    expect(Math.abs(first(101) - first(100))).toBeGreaterThan(10_000);
  });

  it("gives back the memory of what was sent and cannot start any more", () => {
    const shape = cpus(1, { memoryBytes: 100 });
    const seat = Seat.running({ a: { count: 2, resources: shape } }, cpus(2, { memoryBytes: 200 }));
    expect(seat.sent()).toEqual(["a[1]#1", "a[2]#1"]);
    seat.start("a[1]");
    seat.forget();
    seat.lend(NO_RESOURCES, 2);
    expect(seat.stopped()).toEqual(["a[2]#1"]);
    seat.end("a[2]", { type: "withdrawn" });
    expect(seat.facts("loanHeld").at(-1)).toMatchObject({ resources: shape });
    expect(seat.record("a[2]")).toMatchObject({ state: "ready", failures: 0 });
    expect(seat.unexpected()).toEqual([]);
  });

  it("lets an attempt go on that started just as it was recalled", () => {
    const shape = cpus(1, { memoryBytes: 100 });
    const seat = Seat.running({ a: { count: 2, resources: shape } }, cpus(2, { memoryBytes: 200 }));
    expect(seat.sent()).toEqual(["a[1]#1", "a[2]#1"]);
    seat.start("a[1]");
    seat.lend(cpus(1, { memoryBytes: 100 }), 2);
    expect(seat.stopped()).toEqual(["a[2]#1"]);
    seat.start("a[2]");
    seat.end("a[2]", { type: "exited", exitCode: 0 });
    expect(seat.record("a[2]")).toMatchObject({ state: "succeeded", attempt: 1 });
  });

  it("that returns starts what was withdrawn", () => {
    const shape = cpus(1, { memoryBytes: 100 });
    const seat = Seat.running({ a: { count: 2, resources: shape } }, cpus(2, { memoryBytes: 200 }));
    seat.sent();
    seat.start("a[1]");
    seat.lend(NO_RESOURCES, 2);
    expect(seat.stopped()).toEqual(["a[2]#1"]);
    seat.end("a[2]", { type: "withdrawn" });
    seat.lend(shape, 3);
    expect(seat.unexpected()).toEqual([]);
    seat.succeed("a[1]");
    expect(seat.sent()).toEqual(["a[2]#1"]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("is never exceeded by what runs, whatever is lent when", () => {
    const loans = fc.array(fc.record({ lent: fc.nat(4), ends: fc.nat(3), confirms: fc.boolean() }), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(loans, (rounds) => {
        const seat = Seat.running({ a: { count: 60 } }, cpus(2));
        seat.confirmsCaps = false;
        let serial = 1;
        let running = seat.sent();
        let held = 2000;
        const caps: { serial: number; cpusMilli: number }[] = [];
        for (const { lent, ends, confirms } of rounds) {
          seat.lend(cpus(lent), ++serial);
          held = Math.max(held, lent * 1000);
          caps.push(...seat.commands("setCap"));
          if (confirms) {
            for (const cap of caps.splice(0)) seat.feed(seat.capSet(cap.serial, JOB, running.length * 1000));
          }
          running.push(...seat.sent());
          seat.start(...running);
          seat.pass(1000);
          for (const name of running.slice(0, ends)) seat.succeed(name);
          running = [...running.slice(ends), ...seat.sent()];
          for (const fact of seat.facts("loanHeld")) {
            if (fact.serial === serial) held = fact.resources.cpusMilli;
          }
          expect(running.length * 1000).toBeLessThanOrEqual(held);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe("demand", () => {
  const demand = (seat: Seat) => seat.facts("demandSlots").map(({ classes }) => classes);

  it("counts what runs and what is ready, in order of priority, and is told only when it has changed", () => {
    const seat = new Seat();
    seat.hello();
    seat.assign({ low: { count: 2 }, high: { priority: 5 } }, JOB, 100);
    seat.load();
    const high = { priority: 105, resources: cpus(1), count: 1 };
    expect(demand(seat)).toEqual([[high, { priority: 100, resources: cpus(1), count: 2 }]]);
    seat.lend(cpus(2), 1);
    seat.feed({ type: "woken" });
    expect(demand(seat)).toEqual([]);
    seat.succeed("high");
    expect(demand(seat)).toEqual([[{ priority: 100, resources: cpus(1), count: 2 }]]);
    seat.succeed("low[1]", "low[2]");
    // The end of the job says that it needs nothing, and gives back what it had.
    expect(seat.facts("loanReturned")).toEqual([{ type: "loanReturned", job: JOB, round: 1 }]);
  });

  it("is clipped to the node, so that a long queue is told once", () => {
    const seat = new Seat({ capacity: cpus(8, { gpusMilli: 2000 }) });
    seat.hello();
    seat.assign({ a: { count: 1000 }, g: { count: 10, resources: cpus(1, { gpusMilli: 1000 }) } });
    seat.load();
    expect(demand(seat)).toMatchObject([[{ count: 8 }, { count: 2 }]]);
    seat.lend(cpus(1), 1);
    for (let i = 1; i <= 50; i++) seat.succeed(`a[${i}]`);
    expect(demand(seat)).toEqual([]);
  });

  it("is not told of tasks that need nothing", () => {
    const seat = new Seat();
    seat.hello();
    seat.assign({ a: { resources: NO_RESOURCES } });
    seat.load();
    expect(demand(seat)).toEqual([[]]);
    expect(seat.sent()).toEqual(["a#1"]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("is told again to a new manager, for each job", () => {
    const seat = Seat.running({ a: { count: 3 } }, cpus(1));
    seat.assign({ a: { resources: cpus(2) } }, OTHER_JOB);
    seat.load(OTHER_JOB);
    seat.forget();
    seat.feed({ type: "managerSaidHello", capacity: cpus(64) });
    expect(seat.facts("demandSlots").map(({ job, classes }) => [job, classes[0]?.count])).toEqual([
      [JOB, 3],
      [OTHER_JOB, 1],
    ]);
  });
});
