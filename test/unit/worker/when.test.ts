import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cpus, type DefinitionSpec, type PlanSpec, smallPlan } from "./graphs.ts";
import { exited, JOB, Seat } from "./seat.ts";

const failure = { when: "failure" } as const;
const always = { when: "always" } as const;

describe("when: failure", () => {
  it("runs when something has failed and all has ended; the job has failed all the same", () => {
    const seat = Seat.running({ a: [], b: [], rescue: { needs: ["a", "b"], ...failure } });
    seat.sent();
    seat.end("a", exited(1));
    expect(seat.sent()).toEqual([]);
    seat.succeed("b");
    expect(seat.sent()).toEqual(["rescue#1"]);
    seat.succeed("rescue");
    expect(seat.finished()).toBe("failed");
  });

  it("is skipped when nothing has failed, and with it what waits for it; the job has succeeded", () => {
    const seat = Seat.running({
      a: [],
      rescue: { needs: ["a"], ...failure },
      report: ["rescue", "a"],
      alarm: { needs: ["rescue"], ...failure },
    });
    seat.sent();
    seat.succeed("a");
    expect(seat.records().slice(-3)).toEqual(["rescue skipped", "report skipped", "alarm skipped"]);
    expect(seat.record("rescue").reason).toEqual({ type: "notNeeded", when: "failure" });
    expect(seat.record("report").reason).toEqual({ type: "notNeeded", when: "success" });
    expect(seat.finished()).toBe("succeeded");
    expect(seat.record("alarm").finishedSeq).toBe(seat.store.jobs.get(JOB)?.seq);
  });

  it("runs for what was skipped because of a failure further up", () => {
    const seat = Seat.running({ a: [], b: ["a"], c: ["b"], rescue: { needs: ["c"], ...failure } });
    seat.sent();
    seat.end("a", exited(1));
    expect(seat.records().slice(-3)).toEqual(["b skipped", "c skipped", "rescue ready"]);
    expect(seat.sent()).toEqual(["rescue#1"]);
  });

  it("of the same index deals with its own element, of a whole array with all of them", () => {
    const seat = Seat.running({
      part: { count: 3 },
      mend: { count: 3, needs: ["same:part"], ...failure },
      alarm: { needs: ["part"], ...failure },
    });
    seat.sent();
    seat.end("part[2]", exited(1));
    expect(seat.sent()).toEqual(["mend[2]#1"]);
    seat.succeed("part[1]");
    expect(seat.record("mend[1]").state).toBe("skipped");
    expect(seat.sent()).toEqual([]);
    seat.succeed("part[3]");
    expect(seat.sent()).toEqual(["alarm#1"]);
  });

  it("waits for the last repetition", () => {
    const retry = { limit: 1, on: null, backoffMs: 100, factor: 1, maxMs: 100 };
    const seat = Seat.running({ a: { retry }, rescue: { needs: ["a"], ...failure } });
    seat.sent();
    seat.end("a", exited(1));
    seat.pass(100);
    expect(seat.sent()).toEqual(["a#2"]);
    seat.end("a#2", exited(1));
    expect(seat.sent()).toEqual(["rescue#1"]);
  });
});

describe("when: always", () => {
  it("runs when all has ended, however", () => {
    const seat = Seat.running({ a: [], b: ["a"], c: [], clean: { needs: ["b", "c"], ...always } });
    seat.sent();
    seat.end("a", exited(1));
    expect(seat.sent()).toEqual([]);
    seat.succeed("c");
    expect(seat.sent()).toEqual(["clean#1"]);
    seat.succeed("clean");
    expect(seat.finished()).toBe("failed");
  });

  it("runs after what was not needed, and lets what follows it run", () => {
    const seat = Seat.running({
      a: [],
      rescue: { needs: ["a"], ...failure },
      clean: { needs: ["rescue"], ...always },
      last: ["clean"],
    });
    seat.sent();
    seat.succeed("a");
    expect(seat.sent()).toEqual(["clean#1"]);
    seat.succeed("clean");
    expect(seat.sent()).toEqual(["last#1"]);
    seat.succeed("last");
    expect(seat.finished()).toBe("succeeded");
  });

  it("is cancelled with its job", () => {
    const seat = Seat.running({ a: [], clean: { needs: ["a"], ...always } });
    seat.sent();
    seat.feed({ type: "cancelRequested", job: JOB });
    seat.end("a", { type: "signalled", signal: "SIGTERM" });
    expect(seat.sent()).toEqual([]);
    expect(seat.record("clean").state).toBe("cancelled");
  });
});

type Ending = "succeeded" | "failed" | "skipped" | "notNeeded";

/** A random DAG of arrays with any `when`, and which of its tasks fail. */
const whens = fc.constantFrom("success", "success", "failure", "always");
const dags = fc.array(
  fc.record({
    count: fc.integer({ min: 1, max: 3 }),
    when: whens,
    picks: fc.array(fc.nat(20), { maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 7 },
);

function planOf(
  defined: readonly { count: number; when: "success" | "failure" | "always"; picks: number[] }[],
) {
  const entries = defined.map(
    ({ count, when, picks }, index): [string, DefinitionSpec & { needs: string[] }] => {
      const earlier = index === 0 ? [] : [...new Set(picks.map((pick) => pick % index))];
      const needs = earlier.map((other) => {
        const same = defined[other]?.count === count && (picks[0] ?? 0) % 2 === 0;
        return same ? `same:t${other}` : `t${other}`;
      });
      return [`t${index}`, { count, needs, when: needs.length === 0 ? "success" : when, resources: cpus(1) }];
    },
  );
  return Object.fromEntries(entries);
}

/** What the documentation says of each task, worked out from the roots. */
function expectedEnds(
  plan: Readonly<Record<string, DefinitionSpec & { needs: string[] }>>,
  fails: (task: string) => boolean,
): ReadonlyMap<string, Ending> {
  const ends = new Map<string, Ending>();
  for (const [name, { count = 1, needs, when }] of Object.entries(plan)) {
    for (let element = 1; element <= count; element += 1) {
      const sources = needs.flatMap((need) => {
        if (need.startsWith("same:")) return [`${need.slice("same:".length)}[${element}]`];
        return Array.from({ length: plan[need]?.count ?? 1 }, (_, other) => `${need}[${other + 1}]`);
      });
      const found = sources.map((source) => ends.get(source));
      const isFailure = found.some((end) => end === "failed" || end === "skipped");
      const isSuccess = found.every((end) => end === "succeeded");
      const task = `${name}[${element}]`;
      const runs = when === "always" || (when === "failure" ? isFailure : isSuccess);
      if (runs) ends.set(task, fails(task) ? "failed" : "succeeded");
      else ends.set(task, when === "success" && isFailure ? "skipped" : "notNeeded");
    }
  }
  return ends;
}

describe("any DAG with any when", () => {
  it("ends as documented, in whatever order, also when the holder of the seat changes on the way", () => {
    fc.assert(
      fc.property(
        dags,
        fc.array(fc.nat(99), { minLength: 60, maxLength: 60 }),
        fc.nat(),
        (defined, draws, seed) => {
          const plan: PlanSpec = planOf(defined);
          const fails = (task: string): boolean =>
            (task.length * 7 + task.charCodeAt(1) * 13 + seed + task.charCodeAt(3)) % 4 === 0;
          const expected = expectedEnds(planOf(defined), fails);
          let seat = Seat.running(smallPlan(plan), cpus(3));
          let live: string[] = [];
          for (const [turn, draw] of draws.entries()) {
            live.push(...seat.sent());
            if (draw % 5 === 0) {
              const next = seat.successor();
              next.hello(live);
              next.lend(cpus(3), turn + 2);
              seat = next;
              live.push(...seat.sent());
            }
            const name = live[draw % Math.max(1, live.length)];
            if (name === undefined) break;
            live = live.filter((other) => other !== name);
            seat.end(name, exited(fails(name.split("#")[0] ?? "") ? 1 : 0));
          }
          for (const [task, end] of expected) {
            const { state, reason } = seat.record(task);
            expect([task, reason?.type === "notNeeded" ? "notNeeded" : state]).toEqual([task, end]);
          }
          expect(seat.finished()).toBe([...expected.values()].includes("failed") ? "failed" : "succeeded");
        },
      ),
      { numRuns: 300 },
    );
  });
});
