/** What is wrong in JX is told with its place and a way out; what it is worth, test/contract/jx.test.ts compares with Makeflow. */
import { describe, expect, it } from "vitest";
import { FaultList } from "../../../../src/workflow/fault.ts";
import { type JxVariables, readJx } from "../../../../src/workflow/importers/jx/readJx.ts";
import { faultsOf, filesOf, tasksOf } from "./importingText.ts";

const rule = (more: string): string => `{"rules": [{"command": "x", "outputs": ["o"]}, ${more}]}`;

function valueOf(text: string, variables: readonly JxVariables[] = [], files = filesOf({})): unknown {
  const faults = new FaultList();
  const read = readJx(Buffer.from(text), variables, files, faults);
  if (read === null) throw new Error(`${faults.total} faults`);
  return read.value;
}

describe("faults of JX", () => {
  it.each([
    [
      '{"rules": [{"command": "a" + cuont}], "define": {"count": 1}}',
      '1:30 cuont is not defined: Did you mean "count"?',
    ],
    ['{"rules": [x]}', '1:12 x is not defined: put it into "define", or give it with --jx-define x=VALUE.'],
    ['{"rules": [{"command": fromat("a")}]}', '1:24 There is no function fromat. Did you mean "format"?'],
    ['{"rules":\n [{"command": "a" * 2}]}', "2:19 * does not go with a text and the number 2."],
    ['{"rules": [{"command": \'a\'}]}', "1:24 Texts of JX stand in double quotes: write \" in place of '."],
    ['{"rules": [] "define": {}}', "1:14 Expected a comma or } here, found a text."],
    ['{"rules": []', "1:13 Expected a comma or } here, found the end of the text."],
    [
      '{"rules": []} {}',
      '1:15 Expected the end of the text (a comma or an operator is missing before this) here, found "{".',
    ],
    ['{"rules": ["a]}', '1:12 The text that begins here has no end: close it with ".'],
    ['{"define": {"a": b, "b": a}, "rules": []}', "1:26 b is defined by itself: b uses a uses b."],
    ['{"rules": range(9999999)}', "1:11 This range has 9999999 items; 1000000 are the most."],
    ['{"rules": [x for x in 3]}', "1:14 for … in takes a list, found the number 3."],
    ['{"rules": [{"command": format("%d", "a")}]}', "1:24 format cannot put a text in for %d:"],
    ['{"rules": [{"command": template("{a b}")}]}', '1:24 template has "{a b}", which is no {NAME}'],
    ['{"rules": [{"command": join([1])}]}', "1:24 join takes a list of texts, found the number 1 in it"],
    ['{"rules": listdir("d")}', '1:11 listdir cannot read the folder "d"'],
    ['{"rules": fetch("http://x/y")}', "1:11 fetch does not read"],
    ['{"rules": [1][3]}', "1:14 There is no item 3 in a list of 1; the first is 0."],
    ['{"rules": error("not so")}', "1:11 not so"],
    ["[1]", 'null:null A Makeflow in JSON is an object with a list of "rules".'],
    [rule('{\n"comand": "y"}'), "1:48 This rule has neither command nor workflow: say what to run."],
    [rule('{"command": "y",\n"outputs": [{"x": 1}]}'), "2:13 A file must be a name"],
  ])("%s", (text, fault) => {
    const faults = faultsOf(text, "w.jx");
    expect(faults.filter((found) => found.startsWith(fault))).toHaveLength(1);
  });

  it("are all told at once, and each once", () => {
    const text =
      '{"define": {"a": b}, "rules": [{"command": a + "x"}, {"command": c}, {"command": d + e} for i in [1, 2]]}';
    expect(faultsOf(text, "w.jx").map((fault) => fault.split(":")[1])).toEqual([
      "18 b is not defined",
      "66 c is not defined",
      "82 d is not defined",
      "86 e is not defined",
    ]);
  });

  it("end a computation without end", () => {
    const twice = Array.from({ length: 60 }, (_, index) => `"v${index}": v${index + 1} + v${index + 1}`).join(
      ", ",
    );
    expect(faultsOf(`{"define": {${twice}, "v60": "xxxxxxxx"}, "rules": []}`, "w.jx").join()).toContain(
      "16 million characters",
    );
    const deep = Array.from({ length: 200 }, (_, index) => `"v${index}": v${index + 1}`).join(", ");
    expect(faultsOf(`{"define": {${deep}, "v200": 1}, "rules": []}`, "w.jx").join()).toContain(
      "is defined by itself",
    );
    expect(faultsOf("[".repeat(70), "w.jx").join()).toContain("Nested deeper");
    expect(faultsOf(Array.from({ length: 3000 }, () => '"a"').join("+"), "w.jx").join()).toContain(
      "are joined here",
    );
  });
});

describe("JX", () => {
  it("sees variables that are given, over those of its own, and the later over the earlier", () => {
    const given = [
      { source: "one", text: '{"a": 1, "b": 1}' },
      { source: "two", text: '{"b": a + 1}' },
    ];
    expect(valueOf('{"define": {"a": 9, "c": b + 1}, "r": [a, b, c]}', given)).toMatchObject({
      r: [1, 2, 3],
    });
  });

  it("tells of which variables it cannot read", () => {
    const jx = [{ source: "--jx-define N", text: '{"N": x\n}' }];
    const faults = faultsOf('{"rules": []}', "w.jx", { jx });
    expect(faults.join()).toContain("--jx-define N, line 1, column 7: x is not defined");
  });

  it("computes a definition again where a loop has a variable of a name in it", () => {
    const text =
      '{"define": {"f": "f" + g, "g": i, "i": 9}, "r": [f, [f for i in [1, 2]], [f for j in [1]], f]}';
    expect(valueOf(text)).toMatchObject({ r: ["f9", ["f1", "f2"], ["f9"], "f9"] });
  });

  it("looks at the folder of the job", () => {
    const files = filesOf({ "d/b": "", "d/a": "", "x.json": '{"n": [1.5, 2]}' });
    expect(valueOf('[listdir("d"), fetch("x.json")["n"]]', [], files)).toEqual([
      ["a", "b"],
      [1.5, 2],
    ]);
  });

  it("nests with arguments, which are all that the inner one sees", () => {
    const files = filesOf({
      "s.jx": '{"rules": [{"command": "x " + n, "outputs": ["o" + n]}]}',
      "t.jx": '{"rules": [{"command": "x " + outer, "outputs": ["p"]}]}',
    });
    const jx = [{ source: "test", text: '{"outer": 1}' }];
    const nested = (file: string) =>
      `{"rules": [{"workflow": "${file}", "args": {"n": i}, "outputs": ["o" + i]} for i in range(outer + 1)]}`;
    const tasks = tasksOf(nested("s.jx"), "w.jx", { files, jx });
    expect([...tasks.keys()].toSorted()).toEqual(["o0", "o0/o0", "o1", "o1/o1"]);
    expect(tasks.get("o1/o1")?.command).toBe("x 1");
    expect(faultsOf(nested("t.jx"), "w.jx", { files, jx }).join()).toContain(
      "In t.jx:1:31: outer is not defined",
    );
  });

  it("makes tens of thousands of rules in a moment", () => {
    const text =
      '{"define": {"R": range(20000)}, "rules": [{"command": "x " + i, "outputs": [format("o.%d", i)]} for i in R]}';
    expect(tasksOf(text, "w.jx").size).toBe(20_000);
  });
});
