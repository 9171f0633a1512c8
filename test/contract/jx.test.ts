/** Expressions of JX are worth what Makeflow's own jx2json says, and what is an error there is a fault here. */
import { spawnSync } from "node:child_process";
import { beforeEach, describe, expect, it } from "vitest";
import { FaultList } from "../../src/workflow/fault.ts";
import { readJx } from "../../src/workflow/importers/jx/readJx.ts";
import { skipUnless } from "../support/requires.ts";

const COMMAND_MS_MAX = 10_000;

/** Undefined where it is an error. */
function theirs(text: string): unknown {
  const { stdout } = spawnSync("jx2json", { input: text, encoding: "utf8", timeout: COMMAND_MS_MAX });
  if (/^$|error\(|^malformed/m.test(stdout.trim())) return undefined;
  return JSON.parse(stdout);
}

function ours(text: string): unknown {
  return readJx(Buffer.from(text), [], null, new FaultList())?.value;
}

/** Several with commas are worth a list. */
const expressions = [
  "1+2*3, 8-2-4, 8/4*2, -7/2, -7%3, 5.5%2, 1/4.0, 3 - - 3, -range(3)[1], 2-3*4",
  '1<2, 1<=1.0, "a"<"b", 1==1.0, 1=="1", [1]==[1.0], [1,[2]]==[1,[2]], null==null, true!=false, {}==1',
  "true or true and false, false and true or true, not true or true, !false, true && false || true",
  '"a"+1+2, 1+2+"a", "a"+1.50, "x"+1e20, "x"+1234567.0, "x"+(1/3.0), "x"+1e-7, true+"!", [1]+[2]',
  "range(3), range(1,4), range(5,1,-2), range(1,5,-1), range(0)",
  "x for x in range(3), [x, y] for x in range(3) for y in range(x), x for x in range(9) if x % 2 == 0",
  'format("%d %i %s %% %f %e %E %g %G", 1, 2, "s", 1.5, 1.5, 1e10, 1e10, 1e-7)',
  'join(["a","b"]), join(["a","b"],", "), join([])',
  "ceil(1.2), floor(-1.5), ceil(2), len([1,2])",
  'basename("a/b.c",".c"), basename("a/"), basename("/"), basename(""), dirname("a"), dirname("/a"), dirname("a/b/"), dirname("")',
  'escape("a `b` \\"$c\\" \\\\"), template("{a}{{x}}{ b }",{"a":1.5,"b":"s"})',
  'keys({"a":1,"b":2}), values({"a":1,"b":2}), items({"a":1,"b":2}), schema([{"a":1},{"b":"x","c":1.5}])',
  'project(a+b,[{"a":1,"b":2}]), select(a>1,[{"a":1},{"a":2}]), like("^a.c","abc"), like("(","a")',
  '[1,2,3][0:2], [1,2,3][:-1], [1,2,3][-2:], [1,2,3][2:1], [1,2][-1], {"a":[{"b":7}]}["a"][0]["b"]',
  '"\\u0041\\n\\/\\x", 1e3, .5, 5., {"a"+"b": 1,}, (1), # a comment\n 2',
];

const errors = [
  "1+null",
  '"a"*2',
  "1/0",
  "1.0/0",
  "5%0",
  "not 1",
  '-"a"',
  "true<false",
  "{}+{}",
  "1 and true",
  "nosuch",
  "[1][5]",
  '{"a":1}["b"]',
  '"abc"[0]',
  '"abc"[0:1]',
  "[1][1.0]",
  "x for x in 3",
  "x for x in [1] if 1",
  'range("a")',
  "range(0,1,0)",
  'format("%d","a")',
  'format("%s")',
  'format("%")',
  'format("a",1)',
  'format("%5d",1)',
  "join([1])",
  'join("a")',
  'len("a")',
  "keys(1)",
  "select(1,[{}])",
  'error("x")',
  "nosuch(1)",
  'template("{x}")',
  'template("a}")',
  'template("{a")',
  'ceil("a")',
  '"a',
  "'a'",
  "1 = 2",
  "1 & 2",
  "[1 2]",
  '{"a" 1}',
  "(1",
  "[1",
  "@",
];

describe("JX is worth what jx2json says", () => {
  beforeEach((ctx) => skipUnless(ctx, "makeflow"));

  it.each(expressions)("%s", (expression) => {
    const text = `[${expression}]\n`;
    const expected = theirs(text);
    expect(expected).toBeDefined();
    expect(ours(text)).toEqual(expected);
  });

  it.each(errors)("not %s", (expression) => {
    const text = `[${expression}]\n`;
    expect({ theirs: theirs(text), ours: ours(text) }).toEqual({ theirs: undefined, ours: undefined });
  });

  it("definitions may use each other, and are computed where they are used", () => {
    const text = '{"define": {"A": x + B, "x": 10, "B": 1}, "top": A, "inner": [A for x in range(3)]}';
    const expected = { define: { A: 11, x: 10, B: 1 }, top: 11, inner: [1, 2, 3] };
    expect(theirs(text)).toEqual(expected);
    expect(ours(text)).toEqual(expected);
  });
});
