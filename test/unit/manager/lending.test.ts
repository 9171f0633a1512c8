import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jobSeq } from "../../../protocol/ids.ts";
import type { Resources } from "../../../protocol/resources.ts";
import { type Borrower, divide, raisedFloor } from "../../../manager/core/lending.ts";
import { NO_RESOURCES } from "../../../src/node/resources.ts";
import { cpus, Daemon, jobRecord, SEAT } from "./daemon.ts";

function borrower(job: number, shape: Resources, count: number, others: Partial<Borrower> = {}): Borrower {
  return {
    job: jobSeq(job),
    weight: 1,
    demand: [{ priority: 0, resources: shape, count }],
    usage: 0,
    standing: 0,
    granted: NO_RESOURCES,
    serial: 0,
    held: NO_RESOURCES,
    certain: true,
    ...others,
  };
}

const divided = (capacity: Resources, ...borrowers: readonly Borrower[]): Resources[] => {
  const targets = divide(capacity, borrowers);
  return borrowers.map((one) => targets.get(one) ?? NO_RESOURCES);
};

describe("a division", () => {
  it.each<[string, readonly Borrower[], readonly Resources[]]>([
    ["gives one job all it wants", [borrower(1, cpus(1), 3)], [cpus(3)]],
    ["gives one job no more than there is", [borrower(1, cpus(1), 9)], [cpus(4)]],
    ["halves between two", [borrower(1, cpus(1), 9), borrower(2, cpus(1), 9)], [cpus(2), cpus(2)]],
    ["leaves nothing idle", [borrower(1, cpus(1), 1), borrower(2, cpus(1), 9)], [cpus(1), cpus(3)]],
    [
      "puts priority first",
      [
        borrower(1, cpus(1), 9),
        borrower(2, cpus(1), 3, { demand: [{ priority: 1, resources: cpus(1), count: 3 }] }),
      ],
      [cpus(1), cpus(3)],
    ],
    [
      "puts who has had less first",
      [borrower(1, cpus(3), 9, { standing: 10 }), borrower(2, cpus(3), 9)],
      [NO_RESOURCES, cpus(3)],
    ],
    [
      "fills up behind what does not fit",
      [
        borrower(1, cpus(3), 9),
        borrower(2, cpus(2), 9, { standing: 1 }),
        borrower(3, cpus(1), 9, { standing: 9 }),
      ],
      [cpus(3), NO_RESOURCES, cpus(1)],
    ],
    [
      "gives nothing to those who only may hold it, while together they may hold more than there is",
      [
        borrower(1, cpus(1), 9, { held: cpus(3), certain: false }),
        borrower(2, cpus(1), 9, { held: cpus(2), certain: false }),
        borrower(3, cpus(1), 9, { held: cpus(1) }),
      ],
      [NO_RESOURCES, NO_RESOURCES, cpus(1)],
    ],
    [
      "counts what may be held as held, where it fits",
      [borrower(1, cpus(1), 9, { held: cpus(1), certain: false }), borrower(2, cpus(1), 9)],
      [cpus(2), cpus(2)],
    ],
    [
      "gives nothing beyond what is held while somebody's part is unknown",
      [borrower(1, cpus(1), 9, { held: cpus(1) }), borrower(2, cpus(1), 9, { held: null })],
      [cpus(1), NO_RESOURCES],
    ],
    [
      "waits for what others still hold, and keeps it for who is next",
      [borrower(1, cpus(4), 1), borrower(2, cpus(1), 9, { held: cpus(3), standing: 5 })],
      [NO_RESOURCES, NO_RESOURCES],
    ],
    [
      "lends nothing more after a restart with fewer cpus",
      [borrower(1, cpus(1), 9, { held: cpus(8) }), borrower(2, cpus(1), 9)],
      [cpus(2), NO_RESOURCES],
    ],
  ])("%s", (_, borrowers, expected) => {
    expect(divided(cpus(4), ...borrowers)).toEqual(expected);
  });

  it("keeps what is free for the first shape of a job that does not fit yet, also from its own narrower ones", () => {
    const both = borrower(1, cpus(4), 1, {
      demand: [
        { priority: 0, resources: cpus(4), count: 1 },
        { priority: 0, resources: cpus(1), count: 2 },
      ],
    });
    const holder = borrower(2, cpus(1), 1, { held: cpus(3), standing: 5, demand: [] });
    expect(divided(cpus(6), both, holder)).toEqual([NO_RESOURCES, NO_RESOURCES]);
    expect(divided(cpus(6), both, { ...holder, held: cpus(2) })).toEqual([cpus(4), NO_RESOURCES]);
  });

  it("has a floor that never falls", () => {
    const wanting = borrower(1, cpus(1), 1, { usage: 50 });
    const idle = borrower(2, cpus(1), 1, { usage: 7, demand: [] });
    expect(raisedFloor(10, [wanting, idle])).toBe(50);
    expect(raisedFloor(90, [wanting, idle])).toBe(90);
    expect(raisedFloor(90, [idle])).toBe(90);
  });

  it("counts the scarcest resource of each, and names as much as amounts", () => {
    const capacity = cpus(8, { gpusMilli: 2000, named: { licence: 4000 } });
    const gpu = cpus(1, { gpusMilli: 1000 });
    const licence = cpus(1, { named: { licence: 1000 } });
    expect(divided(capacity, borrower(1, gpu, 9), borrower(2, licence, 9), borrower(3, cpus(1), 9))).toEqual([
      cpus(2, { gpusMilli: 2000 }),
      cpus(2, { named: { licence: 2000 } }),
      cpus(4),
    ]);
    expect(divided(cpus(8), borrower(1, gpu, 1))).toEqual([NO_RESOURCES]);
  });

  it("never gives more than is free, whatever is held", () => {
    const small = fc.nat(6);
    const vectors = fc
      .tuple(small, small, small)
      .map(([a, b, c]) => cpus(a, { gpusMilli: b * 1000, named: c === 0 ? {} : { x: c * 1000 } }));
    const borrowers = fc.array(
      fc.record({
        shape: vectors,
        count: fc.integer({ min: 1, max: 9 }),
        held: vectors,
        standing: fc.nat(1000),
      }),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(vectors, borrowers, (capacity, specs) => {
        const all = specs.map(({ shape, count, held, standing }, i) =>
          borrower(i + 1, shape, count, { held, standing }),
        );
        const targets = divide(capacity, all);
        const amounts: ((resources: Resources) => number)[] = [
          ({ cpusMilli }) => cpusMilli,
          ({ gpusMilli }) => gpusMilli,
          ({ named }) => named["x"] ?? 0,
        ];
        for (const amount of amounts) {
          const sum = (of: (one: Borrower) => number) => all.reduce((total, one) => total + of(one), 0);
          const heldBy = (one: Borrower) => amount(one.held ?? NO_RESOURCES);
          const targetOf = (one: Borrower) => amount(targets.get(one) ?? NO_RESOURCES);
          const after = sum((one) => Math.max(heldBy(one), targetOf(one)));
          expect(after).toBeLessThanOrEqual(Math.max(sum(heldBy), amount(capacity)));
          expect(sum(targetOf)).toBeLessThanOrEqual(amount(capacity));
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("loans as they are told", () => {
  it("are sent when a job is assigned, and then only when they change", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    daemon.take("startWorker");
    daemon.ready();
    daemon.command("assignJob");
    expect(daemon.command("setLoan")).toMatchObject({ job: 1, serial: 1, resources: NO_RESOURCES });
    expect(daemon.unexpected()).toEqual([]);
    const classes = [{ priority: 0, resources: cpus(1), count: 3 }];
    daemon.tell({ type: "demandSlots", job: jobSeq(1), classes });
    expect(daemon.command("setLoan")).toMatchObject({ serial: 2, resources: cpus(3) });
    daemon.tell({ type: "demandSlots", job: jobSeq(1), classes });
    daemon.tell({ type: "loanHeld", job: jobSeq(1), serial: 2, resources: cpus(3) });
    daemon.pass(10_000);
    expect(daemon.unexpected()).toEqual([]);
  });

  it("count as held until the answer to the latest one", () => {
    const daemon = new Daemon();
    daemon.store(jobRecord(1));
    daemon.ready();
    const held = () => daemon.state.admitted.get(jobSeq(1))?.borrower.held;
    daemon.tell({
      type: "demandSlots",
      job: jobSeq(1),
      classes: [{ priority: 0, resources: cpus(1), count: 4 }],
    });
    expect(held()).toEqual(cpus(4));
    daemon.tell({ type: "demandSlots", job: jobSeq(1), classes: [] });
    expect(held()).toEqual(cpus(4));
    daemon.tell({ type: "loanHeld", job: jobSeq(1), serial: 1, resources: NO_RESOURCES });
    daemon.tell({ type: "loanHeld", job: jobSeq(1), serial: 2, resources: NO_RESOURCES });
    expect(held()).toEqual(cpus(4));
    daemon.tell({ type: "loanHeld", job: jobSeq(1), serial: 3, resources: cpus(2) });
    expect(held()).toEqual(cpus(2));
    // It seems to hold more while ends are on their way; more than was lent never runs.
    daemon.tell({ type: "loanHeld", job: jobSeq(1), serial: 3, resources: cpus(3) });
    expect(held()).toEqual(cpus(2));
  });

  it("come back when the round has ended, before its end is flushed, and go to the next job", () => {
    const daemon = new Daemon({ capacity: cpus(1), workersMax: 1 });
    daemon.store(jobRecord(1), jobRecord(2));
    daemon.ready();
    const classes = [{ priority: 0, resources: cpus(1), count: 1 }];
    for (const job of [1, 2]) daemon.tell({ type: "demandSlots", job: jobSeq(job), classes });
    daemon.unexpected();
    // Of a round that was over before this one began.
    daemon.tell({ type: "loanReturned", job: jobSeq(1), round: 7 });
    expect(daemon.commands("setLoan")).toEqual([]);
    daemon.tell({ type: "loanReturned", job: jobSeq(1), round: 1 });
    expect(daemon.commands("setLoan")).toMatchObject([{ job: 2, resources: cpus(1) }]);
    expect(daemon.unexpected()).toEqual([]);
  });

  it("are none after a restart until every job's part is known", () => {
    const daemon = new Daemon({ workersMax: 4 }, [
      jobRecord(1, { state: "running", seat: SEAT }),
      jobRecord(2),
    ]);
    daemon.feed({ type: "woken" });
    const seats = daemon.takeAll("startWorker").map(({ seat }) => seat);
    const fresh = seats.find((seat) => seat !== SEAT) ?? SEAT;
    daemon.ready(fresh);
    daemon.tell(
      { type: "demandSlots", job: jobSeq(2), classes: [{ priority: 0, resources: cpus(1), count: 4 }] },
      fresh,
    );
    expect(daemon.commands("setLoan").map(({ resources }) => resources)).toEqual([NO_RESOURCES]);
    daemon.ready(SEAT, { loans: [{ job: jobSeq(1), serial: 17, resources: cpus(3), inForce: true }] });
    const loans = daemon.commands("setLoan");
    expect(loans.find(({ job }) => job === 2)?.resources).toEqual(cpus(1));
    // Its QWorker takes only higher serials than it has seen.
    expect(loans.find(({ job }) => job === 1)?.serial).toBe(18);
  });
});
