/** Where the programs of the actors are: they are started by path, compiled beside this file or from their sources. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { QrewError } from "../../protocol/errors.ts";

export interface Program {
  readonly file: string;
  /** First arguments: the program itself, and what Node needs to load it. */
  readonly args: readonly string[];
}

const NODE_OPTIONS = [
  // For src/node/collectGarbage.ts.
  "--expose-gc",
  // New objects have the room, in MiB, that V8 would give them in the end. Nearly all are garbage by then, so that a collection takes little,
  // and helpers would only take the cpus from the tasks.
  "--min-semi-space-size=16",
  "--no-parallel-scavenge",
];

/**
 * A TaskExecutor keeps little, and passes much on: by V8's own measure, which counts the bytes of messages, it would look through all of its heap
 * after each 1,400 tasks with a kilobyte of output. With this, once the heap is four times what was left the last time.
 */
const EXECUTOR_OPTIONS = ["--heap-growing-percent=300"];

/** The main file of an actor (`manager`, `worker`, `executor`), of the same build as this file. */
export function actorProgram(actor: "manager" | "worker" | "executor"): Program {
  const extension = path.extname(fileURLToPath(import.meta.url));
  const main = fileURLToPath(new URL(`../../${actor}/main${extension}`, import.meta.url));
  if (!existsSync(main)) {
    throw new QrewError("internal", `${main} is missing: build qrew again with \`npm run build\`.`);
  }
  const options = actor === "executor" ? [...NODE_OPTIONS, ...EXECUTOR_OPTIONS] : NODE_OPTIONS;
  if (extension !== ".ts") return { file: process.execPath, args: [...options, main] };
  // The daemon's folder is /, where the loader's name would not be found.
  const loader = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
  return { file: process.execPath, args: [...options, "--import", loader, main] };
}
