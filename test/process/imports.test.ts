import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tasksOf } from "../support/jobs.ts";
import { layeredDag } from "../support/layeredDag.ts";
import { QrewFolder } from "../support/qrew.ts";

let qrew: QrewFolder;
beforeAll(() => {
  qrew = new QrewFolder();
});
afterAll(() => qrew.close());

const instanceSchema = v.object({
  workflow: v.object({
    specification: v.object({ tasks: v.array(v.object({ id: v.string(), parents: v.array(v.string()) })) }),
  }),
});

type Edge = readonly [parent: string, child: string];

/** Runs the file and checks that all its tasks succeeded, each after those that it waits for. */
async function expectOrder(file: string, count: number, edges: readonly Edge[], flags: readonly string[]) {
  const { code, stderr } = await qrew.run(["run", file, "--fresh-dir", ...flags]);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const tasks = await tasksOf(qrew, Number(/^job (\d+): /m.exec(stderr)?.[1]));
  expect([tasks.size, [...tasks.values()].filter(({ state }) => state === "succeeded").length]).toEqual([
    count,
    count,
  ]);
  const broken = edges.filter(([parent, child]) => {
    const end = tasks.get(parent)?.finishedSeq ?? Number.POSITIVE_INFINITY;
    return end >= (tasks.get(child)?.startedSeq ?? Number.NEGATIVE_INFINITY);
  });
  expect(broken).toEqual([]);
}

/** A recorded workflow of one version, made from a layered graph. */
function recording(version: "1.4" | "1.5", count: number) {
  const dag = layeredDag(count, 10, 7);
  const edges = dag.flatMap(({ name, depends }) => depends.map((parent): Edge => [parent, name]));
  const tasks = dag.map(({ name, depends }) => ({ id: name, name, parents: depends, children: [] }));
  const runs = tasks.map(({ id }) => ({ id, runtimeInSeconds: 2, avgCPU: 90 }));
  const files = tasks.map(({ id }) => ({ id: `out/${id}`, sizeInBytes: 1000 }));
  const workflow =
    version === "1.5"
      ? {
          specification: {
            tasks: tasks.map((task) => ({ ...task, outputFiles: [`out/${task.id}`] })),
            files,
          },
          execution: { makespanInSeconds: 1, tasks: runs },
        }
      : {
          tasks: tasks.map((task, index) => ({
            ...task,
            ...runs[index],
            cores: 1,
            files: [{ link: "output", name: `out/${task.id}`, sizeInBytes: 1000 }],
          })),
        };
  return { document: { name: `recorded ${version}`, schemaVersion: version, workflow }, edges };
}

describe("a recorded workflow", () => {
  it.each(["1.4", "1.5"] as const)("of WfFormat %s runs in order", async (version) => {
    const { document, edges } = recording(version, 60);
    const file = path.join(qrew.folder, "recorded.json");
    writeFileSync(file, JSON.stringify(document));
    await expectOrder(file, 60, edges, ["--time-scale", "0.001"]);
  });

  it("writes its files with their sizes", async () => {
    writeFileSync(path.join(qrew.work, "w.json"), JSON.stringify(recording("1.5", 60).document));
    const { code } = await qrew.run(["run", "w.json", "--time-scale", "0", "--size-scale", "0.5"]);
    expect(code).toBe(0);
    expect(readFileSync(path.join(qrew.work, "out/t0"))).toHaveLength(500);
  });

  it.for([
    "montage-chameleon-2mass-01d-001",
    "seismology-chameleon-1000p-001",
    "epigenomics-chameleon-ilmn-6seq-50k-001",
  ])("%s runs in order", { timeout: 120_000 }, async (name, ctx) => {
    const file = fileURLToPath(new URL(`../../../shared/instances/${name}.json`, import.meta.url));
    if (!existsSync(file)) ctx.skip("the recorded workflows are not beside this clone");
    const tasks = v.parse(instanceSchema, JSON.parse(readFileSync(file, "utf8"))).workflow.specification
      .tasks;
    const edges = tasks.flatMap(({ id, parents }) => parents.map((parent): Edge => [parent, id]));
    expect(edges.length).toBeGreaterThan(tasks.length - 2);
    await expectOrder(file, tasks.length, edges, ["--time-scale", "0.00002"]);
  });
});

describe("a Makeflow", () => {
  function folderFor(name: string): string {
    const folder = path.join(qrew.work, name);
    mkdirSync(folder);
    return folder;
  }

  it("runs in the folder and with the environment of the submitter", async () => {
    const cwd = folderFor("submitter");
    const text =
      'export GREETING=hello $NAME\nb "c d": a\n\tcat a > b; cp b "c d"\na: in\n\tLOCAL cat in > a; echo \\$GREETING \\$QREW_TASK \\$CORES >> a\n';
    writeFileSync(path.join(cwd, "w.mf"), text);
    const options = { cwd, env: { NAME: "you" } };
    const missing = await qrew.run(["run", "w.mf"], options);
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain('w.mf:4:4: "in" is not there');
    writeFileSync(path.join(cwd, "in"), "in\n");
    expect(await qrew.run(["run", "w.mf"], options)).toMatchObject({ code: 0 });
    expect(readFileSync(path.join(cwd, "c d"), "utf8")).toBe("in\nhello you a 1\n");
  });

  it("is converted to a document that runs alike", async () => {
    const cwd = folderFor("converted");
    const file = path.join(cwd, "w.mf");
    writeFileSync(file, "a:\n\techo '{{x}}' > a\nb: a\n\tcat a > b\n");
    for (const to of ["yaml", "json"]) {
      const converted = await qrew.run(["convert", "w.mf", "--to", to], { cwd });
      expect(converted.code).toBe(0);
      writeFileSync(path.join(cwd, `w.${to}`), converted.stdout);
      expect(await qrew.run(["run", `w.${to}`], { cwd })).toMatchObject({ code: 0 });
      expect(readFileSync(path.join(cwd, "b"), "utf8")).toBe("{{x}}\n");
    }
    expect(await qrew.call("convert", file, "--to", "xml")).toMatchObject({ code: 2 });
    expect(await qrew.call("validate", file, "--format", "xml")).toMatchObject({ code: 2 });
    expect(await qrew.call("validate", file, "--time-scale", "-1")).toMatchObject({ code: 2 });
  });
});
