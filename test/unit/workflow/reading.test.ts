import { constants } from "node:buffer";
import { describe, expect, it } from "vitest";
import { DOCUMENT_BYTES_MAX } from "../../../protocol/limits.ts";
import { compileText, faultsOf, planOf } from "./compiling.ts";
import { compileWorkflow } from "../../../src/workflow/compile.ts";

const faultsOfBytes = (bytes: Uint8Array, source: string): readonly string[] => {
  const compiled = compileWorkflow(bytes, source, { capacity: null });
  return compiled.type === "plan" ? [] : compiled.faults.map(({ message }) => message);
};

const one = (faults: readonly string[]): string => {
  expect(faults).toHaveLength(1);
  return faults[0] ?? "";
};

describe("what is no document", () => {
  it.each([
    ["nothing", ""],
    ["blanks", " \n\t\n"],
    ["comments", "# nothing\n# here\n"],
    ["a byte order mark", "\ufeff"],
  ])("%s", (_what, text) => {
    expect(one(faultsOf(text))).toContain("The document is empty");
  });

  it("UTF-16, NUL bytes, and bytes that are no UTF-8", () => {
    expect(one(faultsOfBytes(Buffer.from("\ufeff- a", "utf16le"), "w.yaml"))).toContain("UTF-16");
    expect(one(faultsOfBytes(Buffer.from("- a\0b"), "w.yaml"))).toContain("NUL byte at offset 3");
    expect(one(faultsOfBytes(Buffer.from([0x2d, 0x20, 0xff, 0xfe]), "w.yaml"))).toContain("no UTF-8");
  });

  // It takes 0.2 s at most on an idle machine; the bound leaves room for a busy one.
  it.each(["w.yaml", "w.json", "-"])(
    "20 MB of garbage as %s, at once",
    (source) => {
      const garbage = ["a b\n", "[", "{", "[1,", '"', "\u00e9", "- "];
      for (const unit of garbage) {
        const bytes = Buffer.alloc(20_000_000, unit);
        const start = performance.now();
        one(faultsOfBytes(bytes, source));
        expect(performance.now() - start).toBeLessThan(5000);
      }
    },
    60_000,
  );

  it.each(["[", "{a: ", "- ", "? ", "&a ["])("a million of %j as YAML", (unit) => {
    expect(one(faultsOf(unit.repeat(1_000_000)))).toContain("nested");
  });

  it("nesting by indentation", () => {
    const text = Array.from({ length: 3000 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n");
    expect(one(faultsOf(text))).toContain("nested");
  });

  it("a text with brackets is not nested", () => {
    const command = "[[".repeat(200);
    expect(planOf(`- name: a\n  command: "${command}"`).resolve(0).command).toBe(command);
    expect(planOf(`- name: a\n  command: |\n    ${command}`).resolve(0).command).toBe(`${command}\n`);
    expect(planOf([{ name: "a", command }]).resolve(0).command).toBe(command);
  });

  it("an object with too many keys", () => {
    const text = `{${Array.from({ length: 100_002 }, (_, key) => `"k${key}":1`).join(",")}}`;
    expect(one(faultsOf(text, "w.json"))).toContain("more than 100000 keys");
  });

  it.each([
    ["lists", (level: number, before: string) => `x-${level}: &a${level} [${before}]`],
    [
      "merge keys",
      (level: number, before: string) => `x-${level}: &a${level} {<<: [${before}], k${level}: 1}`,
    ],
  ])("a bomb of %s", (_what, lineOf) => {
    const lines = ["x-0: &a0 {a: b}"];
    for (let level = 1; level < 30; level += 1) {
      lines.push(lineOf(level, Array.from({ length: 9 }, () => `*a${level - 1}`).join(", ")));
    }
    expect(one(faultsOf(`${lines.join("\n")}\ntasks: [*a29]\n`))).toContain("unfold to more than");
  });

  it("the largest document fits into one text", () => {
    expect(DOCUMENT_BYTES_MAX).toBeLessThanOrEqual(constants.MAX_STRING_LENGTH);
    const large = Buffer.alloc(DOCUMENT_BYTES_MAX + 1, " ");
    expect(one(faultsOfBytes(large, "w.json"))).toContain(`at most ${DOCUMENT_BYTES_MAX} are read`);
  });

  it("a cycle of 10,000 tasks", () => {
    const tasks = Array.from({ length: 10_000 }, (_, index) => {
      return { name: `t${index}`, command: "x", depends: [`t${(index + 1) % 10_000}`] };
    });
    const fault = one(faultsOf(JSON.stringify(tasks), "w.json"));
    expect(fault).toContain('"t0" → "t1" → "t2" → "t3" → "t4" → (9993 more) → "t9998" → "t9999" → "t0"');
  });
});

describe("YAML", () => {
  it("keeps numbers as they are written where text is meant", () => {
    const plan = planOf(`
- name: a
  command: [run, 1.10, 0x1F, 1e3, 7, 12345678901234567890]
  params: {env: {VERSION: 3.10}}
  foreach: {v: [1.0, 2]}
  timeout: 0x10
`);
    expect(plan.resolve(0).command).toEqual(["run", "1.10", "0x1F", "1e3", "7", "12345678901234567890"]);
    expect(plan.resolve(0).env).toEqual({ VERSION: "3.10" });
    expect(plan.graph.classes[0]?.timeoutMs).toBe(16_000);
  });

  it("has anchors, aliases and merge keys, own keys first", () => {
    const plan = planOf(`
x-big: &big {cpus: 4, memory: 1G}
x-long: &long {timeout: 1h, priority: 5}
tasks:
  - {name: a, command: x, resources: *big}
  - {name: b, command: x, resources: {<<: *big, cpus: 2}, <<: *long, priority: 7}
`);
    const [a, b] = [...plan.graph.definitionClass].map((number) => plan.graph.classes[number]);
    expect(a?.resources).toMatchObject({ cpusMilli: 4000, memoryBytes: 1024 ** 3 });
    expect(b?.resources).toMatchObject({ cpusMilli: 2000, memoryBytes: 1024 ** 3 });
    expect(b).toMatchObject({ timeoutMs: 3_600_000, priority: 7 });
  });

  it("may begin with a bracket, a byte order mark or directives", () => {
    expect(planOf("[{name: a, command: x}]").taskName(0)).toBe("a");
    expect(planOf("\ufeff- {name: a, command: x}").taskName(0)).toBe("a");
    expect(planOf("%YAML 1.2\n---\n- {name: a, command: x}\n...\n").taskName(0)).toBe("a");
  });

  it("of any ending is read as YAML unless it begins with a bracket", () => {
    expect(compileText("- {name: a, command: x}", "-").type).toBe("plan");
    expect(compileText('[{"name": "a", "command": "x"}]', "-").type).toBe("plan");
    expect(faultsOf("[{name: a, command: x}]", "-")[0]).toContain("no JSON");
  });
});
