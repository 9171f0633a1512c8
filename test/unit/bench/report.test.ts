import { describe, expect, it } from "vitest";
import { parseArguments } from "../../../bench/arguments.ts";
import { nextBound } from "../../../bench/bounds.ts";
import { copyInstance } from "../../../bench/instances.ts";
import { withBlock } from "../../../bench/readme.ts";
import { SCENARIOS } from "../../../bench/scenarios.ts";
import { gateOf, reaches, TARGET_KEYS, TARGETS, targetOf } from "../../../bench/targets.ts";
import { failureOf } from "../../support/failure.ts";

describe("targets", () => {
  it("have gates that are no stricter than they are", () => {
    const strict = TARGET_KEYS.filter((key) => {
      const gate = gateOf(targetOf(key));
      return gate !== null && !reaches(TARGETS[key], targetOf(key).target, gate);
    });
    expect(strict).toEqual([]);
  });

  it("are judged from the side that counts", () => {
    expect(reaches(targetOf("fanout/S"), 0.9, 0.85)).toBe(true);
    expect(reaches(targetOf("fanout/S"), 0.8, 0.85)).toBe(false);
    expect(reaches(targetOf("chain/spawn"), 1.9, 2)).toBe(true);
    expect(reaches(targetOf("chain/spawn"), 2.1, 2)).toBe(false);
    expect(gateOf({ what: "", better: "higher", target: 1 })).toBeCloseTo(0.6);
    expect(gateOf({ what: "", better: "lower", target: 3 })).toBeCloseTo(5);
  });
});

describe("the command line", () => {
  it("takes all scenarios unless some are named", () => {
    expect(parseArguments([], SCENARIOS, SCENARIOS)).toMatchObject({ scenarios: SCENARIOS, pairs: null });
    const named = parseArguments(["chain", "--pairs", "12", "--quick"], SCENARIOS, SCENARIOS);
    expect(named.scenarios.map(({ name }) => name)).toEqual(["chain"]);
    expect(named).toMatchObject({ pairs: 12, quick: true, peers: true });
  });

  it.each([
    [["nothing"]],
    [["--pairs", "0"]],
    [["--pairs", "many"]],
    [["--fast"]],
    [["--quick", "--readme"]],
  ])("refuses %j", (args) => {
    expect(failureOf(() => parseArguments(args, SCENARIOS, SCENARIOS)).code).toBe("usage");
  });
});

describe("the table in README.md", () => {
  const [begin, end] = [
    "<!-- begin: npm run bench -- --readme -->",
    "<!-- end: npm run bench -- --readme -->",
  ];

  it("replaces what stands between its marks, and nothing else", () => {
    const text = `before\n${begin}\nold\n${end}\nafter\n`;
    expect(withBlock(text, "new\n")).toBe(`before\n${begin}\nnew\n${end}\nafter\n`);
  });

  it("is refused where the marks are missing", () => {
    expect(failureOf(() => withBlock("before\nafter\n", "new\n")).code).toBe("refused");
  });
});

describe("copies of a recorded workflow", () => {
  it("are whole, and do not depend on each other", () => {
    const task = (id: string, parents: string[], children: string[]) => ({
      id,
      name: id,
      parents,
      children,
      outputFiles: [`${id}.out`],
    });
    const tasks = [task("a", [], ["b"]), task("b", ["a"], [])];
    const text = JSON.stringify({ workflow: { specification: { tasks } } });
    const copied = copyInstance(text, 3);
    expect(copied).toMatchObject({ tasks: 4, copies: 2 });
    expect(JSON.parse(copied.document)).toMatchObject({
      workflow: {
        specification: {
          tasks: [
            { id: "a.0", children: ["b.0"], outputFiles: ["c0/a.out"] },
            { id: "b.0", parents: ["a.0"] },
            { id: "a.1", children: ["b.1"], outputFiles: ["c1/a.out"] },
            { id: "b.1", parents: ["a.1"] },
          ],
        },
      },
    });
  });
});

describe("the next limit", () => {
  const bound = (name: string, used: number, most: number) => ({ name, used, most });

  it("is the one that fills up first as processes go on", () => {
    const before = [bound("pids", 100, 1_000), bound("memory", 50, 1_000), bound("files", 5, 10)];
    const after = [bound("pids", 200, 1_000), bound("memory", 350, 1_000), bound("files", 5, 10)];
    expect(nextBound(before, after, 100)).toMatchObject({ bound: { name: "memory" } });
    expect(Math.round(nextBound(before, after, 100)?.processes ?? 0)).toBe(317);
  });

  it("is none where nothing fills up", () => {
    expect(nextBound([bound("files", 5, 10)], [bound("files", 5, 10)], 100)).toBeNull();
  });
});
