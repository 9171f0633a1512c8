/** Task schedulers with a language of their own: each has a small program in bench/peers that starts it, runs, and tells the time. */
import path from "node:path";
import * as v from "valibot";
import { runCommand } from "../commands.ts";
import { PEERS_FOLDER, type Peer, PYTHON, scriptOf } from "./peer.ts";

const toldSchema = v.object({ seconds: v.number() });

/** The program gets the number of tasks, the parallelism, a folder and the command. Its start does not count, as qrew's does not. */
const program =
  (...start: readonly string[]): Peer["run"] =>
  async (bench, folder, command, count) => {
    const args = [String(count), String(bench.parallel), folder, ...command];
    // Some leave folders of theirs where temporary files go.
    const env = { TMPDIR: folder };
    const { stdout } = await runCommand([...start, ...args], { cwd: folder, signal: bench.signal, env });
    const last = stdout.trim().split("\n").at(-1) ?? "";
    return v.parse(toldSchema, JSON.parse(last)).seconds;
  };

const packageVersion = (name: string): readonly string[] => [
  PYTHON,
  "-c",
  `import importlib.metadata as m; print(m.version("${name}"))`,
];

const MODULES = path.join(PEERS_FOLDER, "node_modules");
const PACKAGES = path.join(PEERS_FOLDER, "venv/packages");

export const hyperQueue: Peer = {
  name: "HyperQueue",
  records: "two output files per task; state in memory (no journal)",
  needs: [PYTHON, path.join(PACKAGES, "hyperqueue")],
  version: packageVersion("hyperqueue"),
  share: 0.2,
  run: program(PYTHON, scriptOf("hyperqueue_cluster.py")),
};

export const dask: Peer = {
  name: "Dask, subprocess",
  records: "exit code in memory",
  needs: [PYTHON, path.join(PACKAGES, "distributed")],
  version: packageVersion("distributed"),
  share: 0.1,
  run: program(PYTHON, scriptOf("dask_cluster.py")),
};

export const bullmq: Peer = {
  name: "BullMQ, child_process",
  records: "state and times in Redis, appended to a file and flushed every second",
  needs: ["redis-server", path.join(MODULES, "bullmq")],
  version: [
    process.execPath,
    "-p",
    `require(${JSON.stringify(path.join(MODULES, "bullmq/package.json"))}).version`,
  ],
  share: 0.1,
  run: program(process.execPath, scriptOf("bullmq.mjs"), MODULES),
};
