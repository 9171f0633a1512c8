import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chainPlan, cpus, type DefinitionSpec, type PlanSpec } from "./graphs.ts";
import { exited, Seat } from "./seat.ts";

describe("order of a DAG", () => {
  it("runs a chain one after another", () => {
    const seat = Seat.running({ a: [], b: ["a"], c: ["b"] });
    for (const task of ["a", "b", "c"]) {
      expect(seat.sent()).toEqual([`${task}#1`]);
      seat.succeed(task);
    }
    expect(seat.finished()).toBe("succeeded");
    expect(seat.commands("closeJob")).toHaveLength(1);
    expect(seat.unexpected()).toEqual([]);
  });

  it("joins a diamond only when both sides have ended", () => {
    const seat = Seat.running({ a: [], b: ["a"], c: ["a"], d: ["b", "c"] });
    expect(seat.sent()).toEqual(["a#1"]);
    seat.succeed("a");
    expect(seat.sent()).toEqual(["b#1", "c#1"]);
    seat.succeed("c");
    expect(seat.unexpected()).toEqual([]);
    seat.succeed("b");
    expect(seat.sent()).toEqual(["d#1"]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("waits for a whole array, and for the element of the same index where the edge says so", () => {
    const seat = Seat.running({
      part: { count: 3 },
      check: { count: 3, needs: ["same:part"] },
      join: ["part"],
    });
    expect(seat.sent()).toEqual(["part[1]#1", "part[2]#1", "part[3]#1"]);
    seat.succeed("part[2]");
    expect(seat.sent()).toEqual(["check[2]#1"]);
    seat.succeed("part[1]");
    expect(seat.sent()).toEqual(["check[1]#1"]);
    seat.succeed("part[3]");
    expect(seat.sent()).toEqual(["check[3]#1", "join#1"]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("waits for both of two arrays", () => {
    const seat = Seat.running({ x: { count: 2 }, y: { count: 2 }, z: { count: 2, needs: ["x", "y"] } });
    expect(seat.sent()).toHaveLength(4);
    seat.succeed("x[1]", "x[2]", "y[2]");
    expect(seat.unexpected()).toEqual([]);
    seat.succeed("y[1]");
    expect(seat.sent()).toEqual(["z[1]#1", "z[2]#1"]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("records an end before what it makes possible is sent, and acknowledges it", () => {
    const seat = Seat.running({ a: [], b: ["a"] });
    seat.succeed("a");
    expect(seat.records()).toEqual(["a ready", "a succeeded", "b ready"]);
    expect(seat.commands("acknowledgeAttempts").flatMap(({ attempts }) => attempts)).toEqual([seat.id("a")]);
    expect(seat.record("a").finishedSeq).toBeLessThan(seat.record("b").readySeq ?? 0);
  });
});

describe("what can never run", () => {
  it("skips what depends on a failure, directly and through others, and runs the rest", () => {
    const seat = Seat.running({ a: [], b: ["a"], c: ["b"], d: [], e: ["d"] });
    expect(seat.sent()).toEqual(["a#1", "d#1"]);
    seat.end("a", exited(3));
    expect(seat.records().slice(-3)).toEqual(["a failed", "b skipped", "c skipped"]);
    expect(seat.record("b").reason).toEqual({ type: "dependency", task: 0, state: "failed" });
    expect(seat.record("c").reason).toEqual({ type: "dependency", task: 1, state: "skipped" });
    seat.succeed("d");
    expect(seat.sent()).toEqual(["e#1"]);
    seat.succeed("e");
    expect(seat.finished()).toBe("failed");
    expect(seat.commands("closeJob")).toHaveLength(1);
    expect(seat.unexpected()).toEqual([]);
  });

  it("skips only the same index along an edge of equal indices, and all that needs the whole array", () => {
    const seat = Seat.running({
      part: { count: 3 },
      check: { count: 3, needs: ["same:part"] },
      join: { count: 2, needs: ["check"] },
    });
    expect(seat.sent()).toHaveLength(3);
    seat.end("part[2]", exited(1));
    expect(seat.records().slice(-3)).toEqual(["check[2] skipped", "join[1] skipped", "join[2] skipped"]);
    seat.end("part[1]", exited(1));
    expect(seat.records().slice(-1)).toEqual(["check[1] skipped"]);
    seat.succeed("part[3]");
    expect(seat.sent()).toEqual(["check[3]#1"]);
    expect(seat.unexpected()).toEqual([]);
  });

  it("skips a chain of 10,000 tasks in one step", () => {
    const seat = Seat.running(chainPlan(10_000));
    expect(seat.sent()).toEqual(["0#1"]);
    seat.end("0", exited(1));
    expect(seat.finished()).toBe("failed");
    expect(seat.records().filter((line) => line.endsWith(" skipped"))).toHaveLength(9999);
    expect(seat.record("9999").finishedSeq).toBe(seat.store.jobs.get(seat.id("0").job)?.seq);
    expect(seat.commands("closeJob")).toHaveLength(1);
    expect(seat.unexpected()).toEqual([]);
  });
});

/** A random DAG: each definition depends on earlier ones, by whole arrays or, where the sizes agree, by index. */
const dags = fc
  .array(
    fc.record({ count: fc.integer({ min: 1, max: 4 }), picks: fc.array(fc.nat(20), { maxLength: 3 }) }),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((definitions): PlanSpec => {
    const entries = definitions.map(({ count, picks }, index): [string, DefinitionSpec] => {
      const earlier = index === 0 ? [] : [...new Set(picks.map((pick) => pick % index))];
      const needs = earlier.map((other) => {
        const same = definitions[other]?.count === count && (picks[0] ?? 0) % 2 === 0;
        return same ? `same:t${other}` : `t${other}`;
      });
      return [`t${index}`, { count, needs, resources: cpus(1) }];
    });
    return Object.fromEntries(entries);
  });

describe("any DAG", () => {
  it("ends with one final record per task, each start after all that it needs, whatever fails", () => {
    fc.assert(
      fc.property(dags, fc.array(fc.nat(9), { minLength: 200, maxLength: 200 }), (plan, draws) => {
        const seat = Seat.running(plan, cpus(3));
        const done = new Set<string>();
        let live: string[] = [];
        for (const draw of draws) {
          live.push(...seat.sent());
          const name = live[draw % Math.max(1, live.length)];
          if (name === undefined) break;
          live = live.filter((other) => other !== name);
          const [task = ""] = name.split("#");
          for (const need of needsOf(plan, task)) expect(done).toContain(need);
          if (draw === 9) seat.end(name, exited(1));
          else {
            seat.succeed(name);
            done.add(task);
          }
        }
        expect(seat.finished()).toBe(done.size === taskNames(plan).length ? "succeeded" : "failed");
        for (const task of taskNames(plan)) {
          const { state, finishedSeq } = seat.record(task);
          expect(["succeeded", "failed", "skipped"]).toContain(state);
          expect(state === "succeeded").toBe(done.has(task));
          expect(finishedSeq).not.toBeNull();
        }
      }),
      { numRuns: 150 },
    );
  });
});

const definitionsOf = (plan: PlanSpec): [string, DefinitionSpec][] =>
  Object.entries(plan).map(([name, given]) => [name, "length" in given ? {} : given]);

const elements = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${name}[${i + 1}]`);

const taskNames = (plan: PlanSpec): string[] =>
  definitionsOf(plan).flatMap(([name, { count }]) => elements(name, count ?? 1));

function needsOf(plan: PlanSpec, task: string): string[] {
  const [name = "", rest = ""] = task.split("[");
  const found = definitionsOf(plan).find(([other]) => other === name)?.[1];
  return (found?.needs ?? []).flatMap((need) => {
    if (need.startsWith("same:")) return [`${need.slice("same:".length)}[${rest}`];
    const count = definitionsOf(plan).find(([other]) => other === need)?.[1].count ?? 1;
    return elements(need, count);
  });
}
