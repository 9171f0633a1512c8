/** Not among the scenarios that run unasked: it looks at one part of the chain, and says most on a machine of many cpus. */
import { mkdirSync, mkdtempSync } from "node:fs";
import path from "node:path";
import {
  connectExisting,
  type ForkserverClient,
  type ForkserverTarget,
} from "../../executor/forkserver/client.ts";
import { startForkserver } from "../../executor/forkserver/start.ts";
import { QrewError } from "../../protocol/errors.ts";
import type { ForkserverCommand, ForkserverFact } from "../../protocol/forkserverLink.ts";
import { jobSeq, taskIndex } from "../../protocol/ids.ts";
import { compare, type Contender } from "../compare.ts";
import { spawnLimit, spawnLimitEach } from "../contenders/spawnLimit.ts";
import { type Bench, grouped, type Scenario, sized } from "../scenario.ts";

const COMMAND = ["/bin/true"];
const JOB = jobSeq(1);
const RECORDS = "times, exit code, cpu time, peak memory, output; held until acknowledged, on no disk";

export const launch: Scenario = {
  name: "launch",
  question:
    "How many processes a second does one forkserver start, without threads that start them, and with?",
  pairs: 5,
  run: async (bench) => {
    const tasks = sized(bench, 20_000, 3_000);
    const series = await compare(bench, `${grouped(tasks)} × /bin/true, ${bench.parallel} at a time`, [
      forkserver(bench, "forkserver", {}, tasks),
      forkserver(bench, "forkserver, no threads", { launchers: 0 }, tasks),
      forkserver(bench, "forkserver, two threads", { launchers: 2 }, tasks),
      forkserver(bench, "forkserver, four threads", { launchers: 4 }, tasks),
      spawnLimit(bench, COMMAND, tasks),
      spawnLimitEach(bench, COMMAND, tasks),
    ]);
    return { series, figures: [], absent: [], notes: [] };
  },
};

/** All attempts wait in its queue when the clock starts. */
function forkserver(
  bench: Bench,
  name: string,
  options: Partial<ForkserverTarget>,
  tasks: number,
): Contender {
  const run = async (count: number): Promise<number> => {
    const folder = mkdtempSync(path.join(bench.folder, "f"));
    const spool = path.join(folder, "s");
    mkdirSync(spool);
    const target = { socketPath: path.join(folder, "fork.sock"), logPath: null, flavour: "c" } as const;
    await startForkserver({ ...target, aloneSeconds: 10, idleSeconds: 1, spoolFolder: spool, ...options });
    const client = await connectExisting(target.socketPath);
    if (client === null) throw new QrewError("unreachable", "the forkserver is gone.");
    try {
      return await runAll(bench, client, folder, count);
    } finally {
      client.close();
    }
  };
  return { name, records: RECORDS, tasks, run };
}

function runAll(bench: Bench, client: ForkserverClient, folder: string, count: number): Promise<number> {
  const env = [`PATH=${process.env["PATH"] ?? "/bin"}`];
  client.send([
    { type: "context", job: JOB, directory: folder, umask: 0o22, env },
    ...Array.from({ length: count }, (_, task) => spawnOf(folder, task)),
  ]);
  const over = new AbortController();
  const run = new Promise<number>((resolve, reject) => {
    let startedMs = 0;
    let ended = 0;
    const onFact = (fact: ForkserverFact): void => {
      if (fact.type === "ended") {
        ended += 1;
        client.send([{ type: "acknowledge", key: fact.key }]);
        if (fact.outcome.type !== "exited" || fact.outcome.exitCode !== 0)
          reject(failure("an attempt failed"));
      }
      if (ended === count) resolve((performance.now() - startedMs) / 1000);
    };
    client.listen({
      onFacts: (facts) => facts.forEach(onFact),
      onClosed: (reason) => reject(failure(reason)),
    });
    bench.signal.addEventListener("abort", () => reject(failure("interrupted")), { signal: over.signal });
    startedMs = performance.now();
    client.send([{ type: "setCap", job: JOB, serial: 1, cpusMilli: bench.parallel * 1000 }]);
  });
  return run.finally(() => over.abort());
}

const failure = (why: string): QrewError => new QrewError("refused", `The launch rate: ${why}.`);

function spawnOf(folder: string, task: number): ForkserverCommand {
  const mark = `bench-${process.pid}/${task}`;
  return {
    type: "spawn",
    key: { job: JOB, task: taskIndex(task), attempt: 1 },
    cpusMilli: 1000,
    pool: JOB,
    argv: COMMAND,
    env: [`QREW_MARK=${mark}`],
    workdir: "",
    stdin: null,
    stdoutPath: `${folder}/s/${task}.out`,
    stderrPath: `${folder}/s/${task}.err`,
    mark,
    after: null,
  };
}
