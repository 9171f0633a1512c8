import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jobSeq } from "../../../protocol/ids.ts";
import type { Resources } from "../../../protocol/resources.ts";
import { QUANTUM_MS } from "../../../manager/core/lending.ts";
import { fits } from "../../../src/node/resources.ts";
import { cpus, Daemon, jobRecord, SEAT } from "./daemon.ts";
import { Node, STEP_MS } from "./node.ts";

const endless = (shape: Resources, durationMs: number) => ({
  shape,
  durationMs,
  tasks: Number.POSITIVE_INFINITY,
});

describe("over time", () => {
  it("two narrow jobs share the node evenly", () => {
    const node = new Node(cpus(4));
    const a = node.submit(endless(cpus(1), 200));
    const b = node.submit({ ...endless(cpus(1), 700), delaySteps: 1 });
    node.run(40_000);
    expect(a.cpuMs / b.cpuMs).toBeGreaterThan(0.8);
    expect(a.cpuMs / b.cpuMs).toBeLessThan(1.25);
    expect(a.cpuMs + b.cpuMs).toBeGreaterThan(0.9 * 4 * 40_000);
  });

  it("a newcomer neither waits nor takes revenge", () => {
    const node = new Node(cpus(4));
    const a = node.submit(endless(cpus(1), 200));
    node.run(60_000);
    const b = node.submit(endless(cpus(1), 200));
    const before = a.cpuMs;
    node.run(20_000);
    expect((a.cpuMs - before) / b.cpuMs).toBeGreaterThan(0.8);
    expect((a.cpuMs - before) / b.cpuMs).toBeLessThan(1.25);
  });

  it("one who comes while nobody wants anything starts level with who comes back", () => {
    const node = new Node(cpus(4));
    const a = node.submit({ shape: cpus(1), durationMs: 200, tasks: 1000 });
    node.run(80_000);
    expect(a.left).toBe(0);
    const b = node.submit(endless(cpus(1), 200));
    node.run(STEP_MS);
    a.left = 1_000_000;
    const before = a.cpuMs;
    node.run(20_000);
    expect((a.cpuMs - before) / b.cpuMs).toBeGreaterThan(0.8);
    expect((a.cpuMs - before) / b.cpuMs).toBeLessThan(1.25);
  });

  it("one who comes back after a long silence starts level", () => {
    const daemon = new Daemon({ capacity: cpus(4), workersMax: 1 });
    daemon.store(jobRecord(1), jobRecord(2));
    daemon.ready();
    const classes = [{ priority: 0, resources: cpus(1), count: 4 }];
    daemon.tell({ type: "demandSlots", job: jobSeq(1), classes });
    // Nothing happens for a minute: nobody looks at the usages meanwhile.
    daemon.nowMs += 60_000;
    daemon.tell({ type: "demandSlots", job: jobSeq(2), classes });
    const [one, two] = [...daemon.state.admitted.values()].map(({ borrower: { usage } }) => usage);
    expect(one).toBe(60_000);
    expect(two).toBe(60_000);
    expect(daemon.commands("setLoan").at(-1)).toMatchObject({ job: 1, resources: cpus(2) });
  });

  it("a job that waited long in the queue starts level when it is admitted", () => {
    const daemon = new Daemon({ capacity: cpus(4), workersMax: 1 });
    daemon.store(...Array.from({ length: 65 }, (_, i) => jobRecord(i + 1)));
    daemon.ready();
    const classes = [{ priority: 0, resources: cpus(1), count: 4 }];
    daemon.tell({ type: "demandSlots", job: jobSeq(1), classes });
    daemon.pass(100_000);
    daemon.finish(3);
    const late = daemon.state.admitted.get(jobSeq(65))?.borrower;
    const early = daemon.state.admitted.get(jobSeq(1))?.borrower;
    expect(early?.usage).toBeGreaterThan(10_000);
    expect(late?.usage).toBeGreaterThanOrEqual((early?.usage ?? 0) - 2 * QUANTUM_MS);
  });

  it("a wide job and a narrow one take turns", () => {
    const node = new Node(cpus(4));
    const narrow = node.submit(endless(cpus(1), 900));
    const wide = node.submit(endless(cpus(4), 700));
    const turns: string[] = [];
    node.run(60_000, () => {
      const turn = wide.endsMs.length > 0 ? "wide" : narrow.endsMs.length > 0 ? "narrow" : "none";
      if (turn !== "none" && turn !== turns.at(-1)) turns.push(turn);
    });
    expect(turns.length).toBeGreaterThan(20);
    expect(wide.cpuMs / narrow.cpuMs).toBeGreaterThan(0.5);
    expect(wide.cpuMs / narrow.cpuMs).toBeLessThan(2);
  });

  it("who has the higher priority goes first, and the rest gets what is left", () => {
    const node = new Node(cpus(4));
    const low = node.submit(endless(cpus(1), 200));
    node.run(5000);
    const high = node.submit({ ...endless(cpus(3), 200), priority: 1 });
    node.run(1000);
    const before = low.cpuMs;
    node.run(10_000);
    expect(high.cpuMs).toBeGreaterThan(0.9 * 3 * 10_000);
    expect(low.cpuMs - before).toBeGreaterThan(0.9 * 10_000);
    expect(low.cpuMs - before).toBeLessThan(1.1 * 10_000);
  });

  it("a usage stays a number when more is held than the node has", () => {
    const gpus = cpus(1, { gpusMilli: 2000 });
    const daemon = new Daemon({ capacity: cpus(4) }, [jobRecord(1, { state: "running", seat: SEAT })]);
    daemon.feed({ type: "woken" });
    daemon.ready(SEAT, { loans: [{ job: jobSeq(1), serial: 3, resources: gpus, inForce: true }] });
    daemon.pass(5000);
    const usage = daemon.state.admitted.get(jobSeq(1))?.borrower.usage ?? Number.NaN;
    expect(usage).toBeGreaterThan(0);
    expect(usage).toBeLessThanOrEqual(5000);
  });

  it("what is held never exceeds the node, what runs never what is held, and everybody gets a turn", () => {
    const shapes = fc.constantFrom(
      cpus(1),
      cpus(2),
      cpus(4),
      cpus(0.5),
      cpus(1, { gpusMilli: 1000 }),
      cpus(3, { gpusMilli: 2000 }),
      cpus(1, { memoryBytes: 60 }),
      cpus(2, { memoryBytes: 100, named: { licence: 1000 } }),
      cpus(0, { named: { licence: 2000 } }),
    );
    const jobs = fc.array(
      fc.record({
        shape: shapes,
        durationMs: fc.integer({ min: 1, max: 20 }).map((steps) => steps * STEP_MS),
        tasks: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 1, max: 30 })),
        delaySteps: fc.nat(5),
        afterMs: fc.nat(3000),
      }),
      { minLength: 1, maxLength: 5 },
    );
    const capacity = cpus(4, { gpusMilli: 2000, memoryBytes: 100, named: { licence: 2000 } });
    fc.assert(
      fc.property(jobs, (specs) => {
        const node = new Node(capacity);
        const check = (): void => {
          expect(fits(node.heldTotal(), capacity)).toBe(true);
          expect(fits(node.runningTotal(), node.heldTotal())).toBe(true);
          const waiting = node.jobs.filter(({ left, endsMs }) => left > 0 && endsMs.length === 0);
          for (const { ranAtMs } of waiting) expect(node.daemon.nowMs - ranAtMs).toBeLessThan(15_000);
        };
        for (const spec of specs) {
          node.run(spec.afterMs, check);
          node.submit(spec);
        }
        node.run(20_000, check);
        check();
      }),
      { numRuns: 40 },
    );
  }, 60_000);
});
