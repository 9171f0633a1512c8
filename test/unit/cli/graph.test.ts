import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { jobSeq, taskIndex } from "../../../protocol/ids.ts";
import { readJson, shapes } from "../../support/jsonShapes.ts";
import { makeHome, type TestHome } from "../client/fakeManager.ts";
import { counts, taskRecord } from "../client/records.ts";
import { SEAT, stateFolder } from "../client/stateFolder.ts";
import { recorder } from "./recorder.ts";

let home: TestHome;
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.remove());

const DOCUMENT = {
  name: 'a "study"',
  tasks: [
    { name: "make", command: "true" },
    { name: "part", command: "true", depends: "make", foreach: { i: { range: [1, 3] } } },
    { name: "look", command: "true", depends: [{ task: "part", same: "index" }], foreach: { i: [4, 5, 6] } },
    { name: "mail <me>", command: "true", depends: "look", when: "always" },
  ],
};

async function graph(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const at = recorder(home);
  const code = await at.run("graph", ...args);
  return { code, out: at.stdout(), err: at.stderr() };
}

function file(document: unknown): string {
  const place = path.join(home.folder, "w.json");
  writeFileSync(place, JSON.stringify(document));
  return place;
}

const failed = (task: string, state: "failed" | "succeeded") => ({
  name: task,
  record: taskRecord({ state, exitCode: 1, reason: { type: "exited", exitCode: 1 } }),
});

describe("graph", () => {
  it("of a file is text of Graphviz with a node for each array", async () => {
    const { code, out } = await graph(file(DOCUMENT));
    expect(code).toBe(0);
    expect(out).toBe(
      [
        'digraph "a \\"study\\"" {',
        "  rankdir=LR;",
        '  node [shape=box, style="rounded,filled", fillcolor="#ffffff", fontname="Helvetica"];',
        '  t0 [label="make"];',
        '  t1 [label="part ×3", peripheries=2];',
        '  t2 [label="look ×3", peripheries=2];',
        '  t3 [label="mail <me>\\nwhen: always"];',
        "  t0 -> t1;",
        "  t1 -> t2 [style=dashed];",
        "  t2 -> t3;",
        "}",
        "",
      ].join("\n"),
    );
  });

  it("is text of Mermaid, and has a node for each element if asked for", async () => {
    const { out } = await graph(file(DOCUMENT), "--mermaid");
    expect(out).toContain('flowchart LR\n  t0("make")\n  t1[["part ×3"]]\n');
    expect(out).toContain('t3("mail #60;me#62;<br/>when: always")');
    expect(out).toContain("  t1 -.-> t2\n");
    const all = (await graph(file(DOCUMENT), "--expand")).out;
    expect(all.match(/->/g)?.length).toBe(3 + 3 + 3);
    expect(all).toContain('t3 [label="part[3]"]');
    expect(all).toContain("  t3 -> t6;");
  });

  it("of a job has the colours of the states", async () => {
    const ended = {
      state: "failed",
      finishedAtMs: 9_000,
      tasks: counts({ succeeded: 3, failed: 1, skipped: 4 }),
    } as const;
    await stateFolder(home.folder).addJob({ job: jobSeq(1), name: "study", seat: SEAT, ...ended }, DOCUMENT, [
      failed("make", "succeeded"),
      failed("part[1]", "succeeded"),
      failed("part[2]", "failed"),
      failed("part[3]", "succeeded"),
      ...[1, 2, 3].map((element) => ({
        name: `look[${element}]`,
        record: taskRecord({
          state: "skipped",
          attempt: 0,
          reason: { type: "dependency", task: taskIndex(2), state: "failed" } as const,
        }),
      })),
    ]);
    const { out } = await graph("last");
    expect(out).toContain('t0 [label="make", fillcolor="#b7e4c7"]');
    expect(out).toContain('t1 [label="part ×3\\n1 failed, 2 succeeded", peripheries=2, fillcolor="#ffb3b3"]');
    expect((await graph("1", "--mermaid")).out).toContain("classDef failed fill:#ffb3b3");
    const { nodes, edges } = readJson(shapes.graph, (await graph("1", "--json")).out);
    expect(nodes[1]).toEqual({
      id: 1,
      name: "part",
      count: 3,
      when: null,
      states: { failed: 1, succeeded: 2 },
    });
    expect(edges[1]).toEqual({ from: 1, to: 2, isSame: true });
  });

  it("that nobody could look at is refused, with the way out", async () => {
    const large = [
      { name: "a", executor: "noop", foreach: { i: { range: [1, 1500] } } },
      { name: "b", executor: "noop", depends: "a", foreach: { i: { range: [1, 100] } } },
    ];
    expect((await graph(file(large))).code).toBe(0);
    expect(await graph(file(large), "--expand")).toMatchObject({ code: 2, out: "" });
    expect((await graph(file(large), "--expand")).err).toContain("leave --expand out");
  });

  it("of nothing says what is missing", async () => {
    expect((await graph("nix.yaml")).code).toBe(3);
    expect((await graph("7")).code).toBe(3);
    expect((await graph(file([{ name: "a" }]))).code).toBe(2);
  });
});
