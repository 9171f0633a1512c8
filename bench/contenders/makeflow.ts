/** Makeflow, on its own and with a Work Queue worker on the same machine. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type CommandOptions, runCommand } from "../commands.ts";
import type { Bench } from "../scenario.ts";
import type { Peer } from "./peer.ts";

interface Rule {
  readonly command: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

const FILE = "rules.json";
const PORT_FILE = "port";
const LOOK_MS = 5;

/** Independent rules without files. */
const independent = (command: readonly string[], count: number): readonly Rule[] =>
  Array.from({ length: count }, () => ({ command: command.join(" "), inputs: [], outputs: [] }));

/** Dependencies are files there, so each command makes one: it is `touch` where others run `true`. */
const chained = (count: number): readonly Rule[] =>
  Array.from({ length: count }, (_, index) => ({
    command: `/bin/touch t${index}`,
    inputs: index === 0 ? [] : [`t${index - 1}`],
    outputs: [`t${index}`],
  }));

const makeflow = (...args: readonly string[]): readonly string[] => ["makeflow", ...args, "--json", FILE];

/** Open MPI, with which it is linked, leaves a folder where temporary files go. */
const inFolder = ({ signal }: Bench, folder: string): CommandOptions => ({
  cwd: folder,
  signal,
  env: { TMPDIR: folder },
});

async function runLocally(bench: Bench, folder: string, rules: readonly Rule[]): Promise<number> {
  writeFileSync(path.join(folder, FILE), JSON.stringify({ rules }));
  const command = makeflow("-T", "local", "-j", String(bench.parallel));
  return (await runCommand(command, inFolder(bench, folder))).seconds;
}

async function runWithWorkQueue(bench: Bench, folder: string, rules: readonly Rule[]): Promise<number> {
  writeFileSync(path.join(folder, FILE), JSON.stringify({ rules }));
  const master = runCommand(makeflow("-T", "wq", "-p", "0", "-Z", PORT_FILE), inFolder(bench, folder));
  const ended = new AbortController();
  const worker = work(bench, folder, ended.signal);
  try {
    return (await master).seconds;
  } finally {
    ended.abort();
    await worker;
  }
}

/** A worker for the master of this folder, until `ended`. */
async function work(bench: Bench, folder: string, ended: AbortSignal): Promise<void> {
  const file = path.join(folder, PORT_FILE);
  while (!existsSync(file) || readFileSync(file, "utf8").trim() === "") {
    if (ended.aborted) return;
    await delay(LOOK_MS);
  }
  const port = readFileSync(file, "utf8").trim();
  const cores = ["--cores", String(bench.parallel)];
  // It ends with the abort, which makes it throw; what matters of it the master tells.
  await runCommand(["work_queue_worker", ...cores, "--workdir", folder, "localhost", port], {
    cwd: folder,
    signal: ended,
  }).catch(() => undefined);
}

const LOCAL = {
  needs: ["makeflow"],
  version: ["makeflow", "--version"],
  records: "a line per change of state in a log, not flushed; resumes from it",
} as const;

export const makeflowLocal: Peer = {
  ...LOCAL,
  name: "Makeflow",
  share: 0.1,
  run: (bench, folder, command, count) => runLocally(bench, folder, independent(command, count)),
};

export const makeflowWorkQueue: Peer = {
  ...LOCAL,
  name: "Makeflow + Work Queue",
  needs: ["makeflow", "work_queue_worker"],
  share: 0.05,
  run: (bench, folder, command, count) => runWithWorkQueue(bench, folder, independent(command, count)),
};

/** A chain, whatever the command. */
export const workQueueChain: Peer = {
  ...makeflowWorkQueue,
  share: 0.15,
  run: (bench, folder, _command, count) => runWithWorkQueue(bench, folder, chained(count)),
};
