import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { escapePlaceholders, fill } from "../../../../src/workflow/placeholder.ts";
import { node } from "../compiling.ts";
import { faultsOf, filesOf, tasksOf } from "./importingText.ts";

const commandOf = (command: string, before = ""): unknown =>
  tasksOf(`V=val\nW="a b"\n${before}o:\n\t${command}\n`, "w.mf").get("o")?.command;

describe("a command of Makeflow", () => {
  it.each([
    ["echo $V ${V} $(V)x", "echo val val valx"],
    ["echo $W '$W' \"$W\"", 'echo "a b" \'$W\' ""a b""'],
    ["echo  a\t\tb  ", "echo a b"],
    ["echo a\\\n   b", "echo a  b"],
    ["echo 'p\\\nq' \"x\\\ny\"", "echo 'p q' \"x y\""],
    ["echo a #b", "echo a"],
    ["echo 'a #b' \"#c\" \\#d", "echo 'a #b' \"#c\" #d"],
    ["echo \\$V \\\\ \\a '\\a' \\\"", "echo $V \\ a 'a' \""],
    ['echo "\\t\\n\\"\\$x"', 'echo "\t\n"$x"'],
    ['echo "it\'s"', 'echo "it\'s"'],
    ["echo \"'$V'\"", "echo \"'$V'\""],
    ["echo $$ a$$b", "echo $ a$b"],
    ["echo {{V}} {{{{V}}}}", "echo {{V}} {{{{V}}}}"],
    ["LOCAL echo a", "echo a"],
    ["< in > o cat", "< in > o cat"],
  ])("%j", (written, expected) => {
    expect(commandOf(written)).toBe(expected);
  });

  it("may refer to values that refer to others", () => {
    expect(commandOf("echo $A", "A=\\$V\n")).toBe("echo val");
  });
});

describe("a Makeflow", () => {
  it("orders rules by their files, whatever way these are written", () => {
    const tasks = tasksOf('c: ./a "d/b"\n\tx\na:\n\tx\nd//b a2: a\n\tx\n', "w.makeflow");
    expect([...tasks.values()].map(({ name, depends }) => [name, depends])).toEqual([
      ["c", ["a", "d/b"]],
      ["a", []],
      ["d/b", ["a"]],
    ]);
  });

  it("takes variables of rules indented or not, and dashes in names", () => {
    const tasks = tasksOf("V=1\na--b:\n\t@V=2\n  @V+=3\n# c\n\n\techo $V\n-c-:\n\techo $V\n", "w.mf");
    expect(tasks.get("a--b")?.command).toBe("echo 2 3");
    expect(tasks.get("-c-")?.command).toBe("echo 1");
  });

  it("takes lists of files over several lines, and line ends of Windows", () => {
    const tasks = tasksOf("a \\\r\n  b: x \\\r\n y\r\n\ttouch\r\nx y:\r\n\ttouch\r\n", "w.mf");
    expect(tasks.get("a")?.depends).toEqual(["x"]);
  });

  it("gives categories their resources, and rules their own", () => {
    const text =
      ".MAKEFLOW CATEGORY one\n.MAKEFLOW CORES 2\n.MAKEFLOW MEMORY 100\n.MAKEFLOW WALL_TIME 90\na:\n\tx\n" +
      "CATEGORY=two\nGPUS=1\nb:\n\t@CORES=3\n\tx\nc:\n\t@CATEGORY=one\n\tx\n";
    const tasks = tasksOf(text, "w.mf");
    expect(tasks.get("a")).toMatchObject({
      cpusMilli: 2000,
      memoryBytes: 100 * 1024 ** 2,
      timeoutMs: 90_000,
    });
    expect(tasks.get("b")).toMatchObject({
      cpusMilli: 3000,
      memoryBytes: 0,
      gpusMilli: 1000,
      timeoutMs: null,
    });
    expect(tasks.get("c")).toMatchObject({ cpusMilli: 2000, gpusMilli: 0 });
    expect(tasks.get("a")?.env).toEqual({ CATEGORY: "one", CORES: "2", MEMORY: "100", WALL_TIME: "90" });
  });

  it("takes what the file does not set from the environment", () => {
    const tasks = tasksOf("export HOME X\na:\n\techo $HOME\n", "w.mf", {
      environment: { HOME: "/x", CORES: "2" },
    });
    expect(tasks.get("a")).toMatchObject({ command: "echo /x", cpusMilli: 2000, env: { CORES: "2" } });
  });

  it("is named by its outputs, each name once and legal", () => {
    const long = "x".repeat(300);
    const tasks = tasksOf(`"a[1]":\n\tx\n: \n\tx\n"{{i}}":\n\tx\n${long}:\n\tx\n${long}2:\n\tx\n`, "w.mf");
    expect([...tasks.keys()].map((name) => name.slice(0, 12))).toEqual([
      "a[1]_",
      "line 3",
      "{_{i}}",
      "xxxxxxxxxxxx",
      "xxxxxxxxxxxx",
    ]);
  });

  it("runs renamed files in a folder of their own", () => {
    const command = tasksOf("a -> b: in->x y\n\tcat x > b\n", "w.mf").get("a")?.command;
    expect(command).toContain("ln -s \"$PWD\"/'in' \"$q\"/'x'");
    expect(command).toContain("ln -s \"$PWD\"/'y' \"$q\"/'y'");
    expect(command).toContain("mv -f \"$q\"/'b' ./'a'");
  });

  it("takes a nested one in, as a whole", () => {
    const files = filesOf({ "d/s.mf": "export Y=2\ny: in z\n\techo $X\nz:\n\tx\n", "d/in": "", in: "" });
    const text = "export X=1\nd/y: d/in a\n\tLOCAL MAKEFLOW s.mf d\na: in\n\tx\nb: d/y\n\tx\n";
    const tasks = tasksOf(text, "w.mf", { files });
    expect([...tasks.values()].map(({ name, depends, workdir }) => [name, depends, workdir])).toEqual([
      ["d/y/y", ["d/y/z", "a"], "d"],
      ["d/y/z", ["a"], "d"],
      ["d/y", ["d/y/y", "d/y/z"], null],
      ["a", [], null],
      ["b", ["d/y"], null],
    ]);
    expect(tasks.get("d/y/y")).toMatchObject({ command: "echo 1", env: { X: "1", Y: "2" } });
  });

  it("expects the files that a rule makes, in the folder where it makes them", () => {
    const files = filesOf({ "d/s.mf": "x y:\n\tmake\n" });
    const text = "d/x d/y z:\n\tMAKEFLOW s.mf d\n{{i}} 'a*':\n\tmake\n";
    const tasks = tasksOf(text, "w.mf", { files });
    expect([...tasks.values()].map((task) => [task.name, task.files?.outputs])).toEqual([
      ["d/x/x", ["x", "y"]],
      ["d/x", ["z"]],
      ["{_{i}}", ["{{i}}", "a[*]"]],
    ]);
  });
});

describe("faults of a Makeflow", () => {
  it.each([
    [
      "a missing input",
      "a: b \\\n  c\n\tx\nb:\n\tx\n",
      ['1:4 "c" is not there, and no rule makes it: correct its name, or add a rule for it.'],
    ],
    [
      "an unknown variable",
      "a:\n\techo $X\n",
      [
        "2:7 The variable X is not set here, neither in the file nor in the environment: set it above, or write \\$ for one of the shell.",
      ],
    ],
    [
      "no variable",
      "a:\n\techo $1x $@\n",
      [
        expect.stringMatching(/^2:7 The variable 1x is not set/),
        expect.stringMatching(/^2:11 In this text no variable follows/),
      ],
    ],
    [
      "a function",
      "A=$(wildcard *)\na:\n\tx\n",
      [expect.stringMatching(/^1:3 .*needs its closing \): functions are not supported/)],
    ],
    [
      "an open quote",
      "a:\n\techo 'b\nc:\n\tx\n",
      [expect.stringMatching(/^2:7 This quote is not closed/), expect.stringMatching(/^2:7 /)],
    ],
    [
      "two makers of one file",
      "a:\n\tx\nb a:\n\tx\n",
      ['3:1 "a" is made by the rule on line 1 already: let one rule make it.'],
    ],
    ["two commands", "a:\n\tx\n\ty\n", [expect.stringMatching(/^3:1 This command has no rule/)]],
    ["no command", "a:\nb:\n\tx\n", [expect.stringMatching(/^1:1 This rule has no command/)]],
    [
      "neither rule nor variable",
      "a\n\tx\nb:\n\tx\n",
      [expect.stringMatching(/^1:1 This is no rule, variable or directive/)],
    ],
    [
      "a wrong name",
      "A-B=1\n=2\na:\n\tx\n",
      [
        expect.stringMatching(/^1:1 "A-B" cannot be the name/),
        expect.stringMatching(/^2:1 This assignment has no name/),
      ],
    ],
    [
      "a wrong directive",
      ".FOO x\n.MAKEFLOW COLOUR red\n.MAKEFLOW CORES\na:\n\tx\n",
      [
        expect.stringMatching(/^1:1 \.FOO/),
        expect.stringMatching(/^2:11 \.MAKEFLOW sets one of/),
        expect.stringMatching(/^3:11 .*has no value/),
      ],
    ],
    [
      "a wrong amount",
      ".MAKEFLOW CORES two\na:\n\tx\n",
      ['2:1 CORES is "two" for this rule: give it a number.'],
    ],
    [
      "more than the node has",
      "a:\n\tx\nb:\n@CORES=99\n\tx\n",
      [expect.stringMatching(/^3:1 The task needs 99 cpus/)],
    ],
    [
      "a cycle",
      "a: b\n\tx\nb: a\n\tx\n",
      [expect.stringMatching(/^1:1 These tasks wait for each other in a circle.*"a" → "b" → "a"/)],
    ],
    [
      "a nested one that is not there",
      "a:\n\tMAKEFLOW s.mf\n",
      [expect.stringMatching(/^1:1 The nested workflow "s\.mf" cannot be read/)],
    ],
    [
      "faults of a nested one",
      "a:\n\tMAKEFLOW bad.mf\n",
      [expect.stringMatching(/^1:1 In bad\.mf:2:7: The variable NO is not set/)],
    ],
    [
      "one that contains itself",
      "a:\n\tMAKEFLOW self.mf\n",
      [expect.stringMatching(/^1:1 The nested workflow "self\.mf" contains itself/)],
    ],
  ])("%s", (_what, text, faults) => {
    const files = filesOf({ "bad.mf": "x:\n\techo $NO\n", "self.mf": "x:\n\tMAKEFLOW self.mf\n" });
    expect(faultsOf(text, "w.mf", { files }, node)).toEqual(faults);
  });

  it("end, whatever the text is", () => {
    const piece = fc.constantFrom(
      "a",
      ":",
      " ",
      "\n",
      "\n\t",
      "$",
      "(",
      ")",
      "\\",
      "'",
      '"',
      "#",
      "=",
      "@",
      "->",
      "export ",
      ".MAKEFLOW ",
      "MAKEFLOW ",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        expect(() => faultsOf(pieces.join(""), "w.mf")).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });
});

it("escapes what looks like placeholders", () => {
  const piece = fc.constantFrom("{", "{{", "}", "}}", "i", " ", "{{i}}", "{{{{i}}}}");
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const text = pieces.join("");
      expect(fill(escapePlaceholders(text), null)).toBe(text);
    }),
  );
});
