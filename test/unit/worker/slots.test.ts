import { describe, expect, it } from "vitest";
import { cpus } from "./graphs.ts";
import { JOB, Seat } from "./seat.ts";

const gpu = { gpusMilli: 1000 };

describe("who goes first within a job", () => {
  it("is the higher priority, then what is ready longest", () => {
    const seat = Seat.running(
      { first: {}, second: {}, wide: { resources: cpus(2), needs: ["first"] }, high: { priority: 1 } },
      cpus(1),
    );
    expect(seat.sent()).toEqual(["high#1"]);
    seat.succeed("high");
    expect(seat.sent()).toEqual(["first#1"]);
    seat.succeed("first");
    expect(seat.sent()).toEqual(["second#1"]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("a wide task keeps what comes free, and is not starved by narrow ones behind it", () => {
    const seat = Seat.running(
      { narrow: { count: 4 }, wide: { resources: cpus(4) }, more: { count: 50, needs: ["narrow"] } },
      cpus(4),
    );
    const order = seat.sent();
    expect(order).toHaveLength(4);
    seat.succeed("narrow[1]", "narrow[2]", "narrow[3]");
    expect(seat.unexpected()).toEqual([]);
    seat.succeed("narrow[4]");
    expect(seat.sent()).toEqual(["wide#1"]);
    expect(seat.unexpected()).toEqual([]);
    seat.succeed("wide");
    expect(seat.sent()).toHaveLength(4);
  });

  it("a wide task is not starved by short tasks that are sent ahead either", () => {
    const seat = Seat.running(
      { gate: [], short: { count: 50 }, wide: { resources: cpus(2) }, late: { count: 200, needs: ["gate"] } },
      cpus(2),
    );
    const order = seat.sent();
    for (let next = 0; next < order.length; next++) {
      seat.end(order[next] ?? "", { type: "exited", exitCode: 0 }, 1);
      order.push(...seat.sent());
    }
    expect(order.indexOf("wide#1")).toBe(51);
    expect(order).toHaveLength(252);
  });

  it("a task that waits for a gpu does not hold back the cpus of others", () => {
    const seat = Seat.running(
      { g: { count: 2, resources: cpus(1, gpu) }, narrow: { count: 3 } },
      cpus(4, gpu),
    );
    expect(seat.sent()).toEqual(["g[1]#1", "narrow[1]#1", "narrow[2]#1", "narrow[3]#1"]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("once the gpu is there, it keeps the cpus that come free", () => {
    const seat = Seat.running(
      {
        n: { count: 3 },
        g: { resources: cpus(3, gpu) },
        m: { count: 9, resources: cpus(1, { memoryBytes: 1 }) },
      },
      cpus(3, { ...gpu, memoryBytes: 9 }),
    );
    expect(seat.sent()).toEqual(["n[1]#1", "n[2]#1", "n[3]#1"]);
    seat.succeed("n[1]", "n[2]");
    expect(seat.unexpected()).toEqual([]);
    seat.succeed("n[3]");
    expect(seat.sent()).toEqual(["g#1"]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("named resources are amounts like any other, also under the names that every object has", () => {
    const licence = (name: string) => ({ count: 3, resources: cpus(1, { named: { [name]: 1000 } }) });
    for (const name of ["licence", "toString", "hasOwnProperty"]) {
      const seat = Seat.running(
        { a: licence(name), b: { count: 2, resources: cpus(1, { named: { other: 1000 } }) } },
        cpus(8, { named: { [name]: 1000, other: 1000 } }),
      );
      expect(seat.sent()).toEqual(["a[1]#1", "b[1]#1"]);
      expect(seat.unexpected()).toEqual([]);
      seat.succeed("a[1]");
      expect(seat.sent()).toEqual(["a[2]#1"]);
      seat.lend(cpus(0), 2);
      seat.feed({ type: "woken" });
      seat.stopped();
      expect(seat.unexpected()).toEqual([]);
    }
  });

  it("memory holds back what it must, and cpus only then", () => {
    const seat = Seat.running(
      {
        a: { resources: cpus(1, { memoryBytes: 60 }) },
        b: { resources: cpus(1, { memoryBytes: 50 }) },
        c: { count: 2 },
        d: { count: 2, resources: cpus(1, { memoryBytes: 20 }) },
        e: { resources: cpus(1, { memoryBytes: 20 }) },
      },
      cpus(8, { memoryBytes: 90 }),
    );
    // b waits for memory; beside it there is room for both of d, which came later, but not for e; c needs none.
    expect(seat.sent()).toEqual(["a#1", "c[1]#1", "c[2]#1", "d[1]#1"]);
    seat.succeed("d[1]");
    expect(seat.sent()).toEqual(["d[2]#1"]);
    seat.succeed("a");
    expect(seat.sent()).toEqual(["b#1", "e#1"]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("what is left beside a wide task that waits is used, and what came late never delays it", () => {
    const seat = Seat.running(
      { w: { count: 3, resources: cpus(2) }, narrow: { count: 9 }, gate: { priority: 1 } },
      cpus(3),
    );
    expect(seat.sent()).toEqual(["gate#1", "w[1]#1"]);
    seat.succeed("gate");
    expect(seat.sent()).toEqual(["narrow[1]#1"]);
    seat.succeed("w[1]");
    expect(seat.sent()).toEqual(["w[2]#1"]);
    seat.succeed("narrow[1]");
    expect(seat.sent()).toEqual(["narrow[2]#1"]);
    seat.succeed("w[2]");
    expect(seat.sent()).toEqual(["w[3]#1"]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("a loan that does not hold a wide task is used by narrower ones", () => {
    const seat = new Seat({ capacity: cpus(4) });
    seat.hello();
    seat.assign({ wide: { resources: cpus(4) }, narrow: { count: 3 } });
    seat.load();
    seat.lend(cpus(1), 1);
    expect(seat.sent()).toEqual(["narrow[1]#1"]);
    // Once it is lent what it needs, nothing goes before it.
    seat.lend(cpus(4), 2);
    expect(seat.sent()).toEqual([]);
    seat.succeed("narrow[1]");
    expect(seat.sent()).toEqual(["wide#1"]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("tasks without cpus are bounded all the same", () => {
    const seat = Seat.running({ a: { count: 1000, resources: cpus(0, gpu) } }, cpus(0, { gpusMilli: 1e6 }));
    expect(seat.sent()).toHaveLength(256);
    seat.succeed("a[1]");
    expect(seat.sent()).toHaveLength(1);
    expect(seat.unexpected()).toEqual([]);
  });

  it("the shape that is ready longest is asked for first, so that another shape cannot starve it", () => {
    const seat = new Seat({ capacity: cpus(4, gpu) });
    seat.hello();
    seat.assign({
      first: [],
      narrow: { count: 2, priority: 0, needs: ["first"] },
      g: { resources: cpus(4, gpu) },
      late: { count: 100, needs: ["first"] },
    });
    seat.load();
    seat.lend(cpus(4), 1);
    expect(seat.sent()).toEqual(["first#1"]);
    seat.forget();
    seat.succeed("first");
    // What is ready now came after g, although it stands before it in the document.
    expect(seat.facts("demandSlots").at(-1)?.classes).toMatchObject([
      { resources: cpus(4, gpu), count: 1 },
      { resources: cpus(1), count: 4 },
    ]);
    expect(seat.state.jobs.get(JOB)?.phase).toBe("active");
  });
});
