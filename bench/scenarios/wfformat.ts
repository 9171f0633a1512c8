import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { compare, ratiosTo } from "../compare.ts";
import { QREW_RECORDS } from "../contenders/qrew.ts";
import { runSpawn } from "../contenders/spawnLimit.ts";
import { type BenchDaemon, withDaemon } from "../daemon.ts";
import { copyInstance } from "../instances.ts";
import {
  type Absence,
  type Bench,
  type Figure,
  grouped,
  type Scenario,
  type Series,
  sized,
} from "../scenario.ts";

/** Beside the clone, as for the tests. */
const FOLDER = fileURLToPath(new URL("../../../shared/instances", import.meta.url));

const INSTANCES = {
  "wfformat/montage": "montage-chameleon-2mass-01d-001.json",
  "wfformat/epigenomics": "epigenomics-chameleon-ilmn-6seq-50k-001.json",
  "wfformat/seismology": "seismology-chameleon-1000p-001.json",
} as const;

/** The recorded times do not count: what is left is the shape, and the files that the tasks write. */
const IMPORT = { timeScale: 0, sizeScale: 0 } as const;

export const wfformat: Scenario = {
  name: "wfformat",
  question: "How fast do real shapes go, when their tasks take no time?",
  pairs: 9,
  run: async (bench) => {
    const series: Series[] = [];
    const figures: Figure[] = [];
    const absent: Absence[] = [];
    for (const key of ["wfformat/montage", "wfformat/epigenomics", "wfformat/seismology"] as const) {
      const file = path.join(FOLDER, INSTANCES[key]);
      if (!existsSync(file)) {
        absent.push({
          contender: INSTANCES[key],
          reason: "the recorded workflow is not in ../shared/instances",
        });
        continue;
      }
      const measured = await withDaemon(bench, (daemon) => measureShape(bench, daemon, file));
      series.push(...measured);
      figures.push(...ratiosTo(measured, { [key]: "S" }));
    }
    return { series, figures, absent, notes: [] };
  },
};

async function measureShape(bench: Bench, daemon: BenchDaemon, file: string): Promise<readonly Series[]> {
  const { document, tasks, copies } = copyInstance(readFileSync(file, "utf8"), sized(bench, 10_000, 2_000));
  const instance = path.join(bench.folder, path.basename(file));
  writeFileSync(instance, document);
  const list = path.join(bench.folder, "commands");
  writeFileSync(list, await commandsOf(daemon, instance));
  const bytes = Buffer.from(document);
  // Every run in a fresh folder: it is not the same to write a file as to write over one.
  const inFreshFolder = async (run: (folder: string) => Promise<number>): Promise<number> => {
    const folder = mkdtempSync(path.join(daemon.work, "w"));
    // S does not wait for the task that would make a folder that others write into.
    for (let copy = 0; copy < copies; copy += 1) mkdirSync(path.join(folder, `c${copy}`));
    const seconds = await run(folder);
    rmSync(folder, { recursive: true });
    return seconds;
  };
  const what = `${path.basename(file, ".json")}, ${copies} copies, ${grouped(tasks)} tasks`;
  return compare(bench, what, [
    {
      name: "qrew",
      records: QREW_RECORDS,
      tasks,
      run: () =>
        inFreshFolder(async (directory) => {
          const { acceptSeconds, runSeconds } = await daemon.runJob(bytes, { directory, import: IMPORT });
          return acceptSeconds + runSeconds;
        }),
    },
    {
      name: "S",
      records: "nothing of the task, and no dependencies; the replay program writes the same files",
      tasks,
      run: () =>
        inFreshFolder(
          async (folder) => (await runSpawn(bench, folder, { list }, { parallel: bench.parallel })).seconds,
        ),
    },
  ]);
}

const convertedSchema = v.object({ tasks: v.array(v.object({ command: v.array(v.string()) })) });

/** What qrew would execute, a line per task. */
async function commandsOf(daemon: BenchDaemon, instance: string): Promise<string> {
  const scale = ["--time-scale", "0", "--size-scale", "0"];
  const { stdout } = await daemon.command(["convert", ...scale, "--to", "json", instance]);
  const { tasks } = v.parse(convertedSchema, JSON.parse(stdout));
  return tasks.map(({ command }) => `${command.join("\t")}\n`).join("");
}
