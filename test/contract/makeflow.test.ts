/** Makeflow files give the files that Makeflow itself makes of them, byte for byte. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { missingOutputs } from "../../executor/outputs.ts";
import type { ColumnPlan } from "../../src/workflow/columnPlan.ts";
import { type ImportFlags, importSettings } from "../../src/cli/importing.ts";
import { compileWorkflow } from "../../src/workflow/compile.ts";
import { usualImport } from "../../src/workflow/importers/importing.ts";
import { jobFilesOf } from "../../src/workflow/importers/jobFiles.ts";
import { MAKEFLOW_ENVIRONMENT, skipUnless } from "../support/requires.ts";
import { until } from "../support/until.ts";
import { cases, type MakeflowCase } from "./makeflowCases.ts";

const COMMAND_MS_MAX = 30_000;
/** Of the same package as makeflow. */
const WORKER = "work_queue_worker";

/** A folder for one case; they are carried out side by side, since Makeflow waits most of its time. */
async function inArea(body: (area: string) => Promise<void>): Promise<void> {
  const area = mkdtempSync(path.join(tmpdir(), "q-makeflow-"));
  try {
    await body(area);
  } finally {
    rmSync(area, { recursive: true, force: true });
  }
}

const environment = { PATH: process.env["PATH"] ?? "", HOME: "/nowhere" };

/** Fills the folder with what the case finds, and returns the name of its workflow. */
function prepare(folder: string, example: MakeflowCase): string {
  const file = `workflow.${example.ending ?? "mf"}`;
  const files = {
    in: "in put\n",
    "in 2": "second\n",
    "data/list": "1\n2\n",
    ...example.files,
    [file]: example.text,
  };
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), text);
  }
  return file;
}

/** All files below the folder but those that Makeflow keeps for itself. */
function contents(folder: string): Readonly<Record<string, string>> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  const kept = names.filter((name) => !/makeflow(log|\.failed)|wqlog|^makeflow$|^port$/.test(name));
  return Object.fromEntries(
    kept.map((name) => {
      const file = path.join(folder, name);
      return [name, statSync(file).isDirectory() ? "folder" : readFileSync(file, "latin1")];
    }),
  );
}

/** Runs the tasks one after another, in an order that their dependencies allow, and repeats as they say. What has failed holds up the rest. */
async function carryOut(plan: ColumnPlan, folder: string): Promise<void> {
  const { graph } = plan;
  const waits = Uint32Array.from(graph.needs);
  const ready = [...waits.keys()].filter((task) => waits[task] === 0);
  for (let task = ready.shift(); task !== undefined; task = ready.shift()) {
    const { limit } = graph.classes[graph.definitionClass[task] ?? 0]?.retry ?? { limit: 0 };
    const { command, env, workdir, files } = plan.resolve(task);
    const attempt = async (): Promise<boolean> => {
      const cwd = path.join(folder, workdir ?? ".");
      const { status } = spawnSync("/bin/sh", ["-c", String(command)], {
        cwd,
        env: { OMP_NUM_THREADS: "1", ...environment, ...env },
        timeout: COMMAND_MS_MAX,
      });
      const outputs = files?.outputs ?? [];
      return status === 0 && (await missingOutputs({ folder: cwd, outputs })).length === 0;
    };
    let isDone = graph.classes[graph.definitionClass[task] ?? 0]?.executor === "noop";
    for (let left = limit; left >= 0 && !isDone; left -= 1) isDone = await attempt();
    if (!isDone) continue;
    const edges = graph.dependents.subarray(graph.dependentOffsets[task], graph.dependentOffsets[task + 1]);
    for (const dependent of edges) {
      waits[dependent] = (waits[dependent] ?? 0) - 1;
      if (waits[dependent] === 0) ready.push(dependent);
    }
  }
}

/** As commander gives the options of the case to qrew. */
function jxFlags({ define = [] }: MakeflowCase, folder: string): ImportFlags {
  const after = (option: string): readonly string[] =>
    define.filter((_, index) => index > 0 && define[index - 1] === option);
  return {
    jxArgs: after("--jx-args").map((file) => path.join(folder, file)),
    jxDefine: after("--jx-define"),
  };
}

async function runOurs(area: string, example: MakeflowCase): Promise<Readonly<Record<string, string>>> {
  const folder = path.join(area, "ours");
  const file = prepare(folder, example);
  const { jx } = importSettings(jxFlags(example, folder));
  const compiled = compileWorkflow(readFileSync(path.join(folder, file)), file, {
    capacity: null,
    imports: { ...usualImport, jx, environment, files: jobFilesOf(folder), replayCommand: ["replay"] },
  });
  if (compiled.type === "invalid")
    throw new Error(compiled.faults.map(({ line, message }) => `${line}: ${message}`).join("\n"));
  await carryOut(compiled.plan, folder);
  return contents(folder);
}

/** Open MPI leaves a folder where temporary files go. */
const theirEnvironment = (area: string) => ({ ...environment, ...MAKEFLOW_ENVIRONMENT, TMPDIR: area });

function runMakeflow(area: string, folder: string, args: readonly string[]): ChildProcess {
  // A nested Makeflow is looked for in the folder, whatever PATH says.
  const program = spawnSync("sh", ["-c", "command -v makeflow"], { encoding: "utf8" }).stdout.trim();
  if (!existsSync(path.join(folder, "makeflow"))) symlinkSync(program, path.join(folder, "makeflow"));
  return spawn(program, args, {
    cwd: folder,
    env: theirEnvironment(area),
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function ended(child: ChildProcess): Promise<string> {
  let output = "";
  child.stdout?.on("data", (piece: Buffer) => (output += piece.toString()));
  child.stderr?.on("data", (piece: Buffer) => (output += piece.toString()));
  const late = setTimeout(() => child.kill("SIGKILL"), COMMAND_MS_MAX);
  await new Promise((resolve) => child.once("close", resolve));
  clearTimeout(late);
  return output;
}

async function runTheirs(area: string, example: MakeflowCase): Promise<Readonly<Record<string, string>>> {
  const folder = path.join(area, "theirs");
  const file = prepare(folder, example);
  const ending = example.ending ?? "mf";
  const json = ending === "mf" ? [] : [`--${ending}`, ...(example.define ?? [])];
  if (example.batch === undefined) {
    const output = await ended(runMakeflow(area, folder, ["-T", "local", ...json, file]));
    if (/fatal|workflow failed/.test(output)) throw new Error(output);
    return contents(folder);
  }
  const makeflow = runMakeflow(area, folder, ["-T", "wq", "-Z", "port", ...json, file]);
  const output = ended(makeflow);
  const port = await until("a port", () =>
    existsSync(path.join(folder, "port")) ? readFileSync(path.join(folder, "port"), "utf8") : null,
  );
  const worker = spawn(WORKER, ["--single-shot", "-t", "20", "-s", area, "localhost", port.trim()], {
    cwd: area,
    env: theirEnvironment(area),
    stdio: "ignore",
  });
  const gone = new Promise((resolve) => worker.once("close", resolve));
  const said = await output;
  worker.kill("SIGTERM");
  await gone;
  if (/fatal|workflow failed/.test(said)) throw new Error(said);
  return contents(folder);
}

describe("a Makeflow file gives the files that makeflow makes of it", () => {
  beforeEach((ctx) => skipUnless(ctx, "makeflow"));

  it.concurrent.each(cases)("$what", (example) =>
    inArea(async (area) => {
      const theirs = await runTheirs(area, example);
      expect(await runOurs(area, example)).toEqual(theirs);
      expect(Object.keys(theirs).length).toBeGreaterThan(4 + Object.keys(example.files ?? {}).length);
    }),
  );
});
