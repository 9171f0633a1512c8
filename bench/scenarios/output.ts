import { mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { QrewError } from "../../protocol/errors.ts";
import { compare, type Contender, ratiosTo } from "../compare.ts";
import { qrewContender } from "../contenders/qrew.ts";
import { runSpawn, spawnLimit } from "../contenders/spawnLimit.ts";
import { type BenchDaemon, withDaemon } from "../daemon.ts";
import { fanOutAndIn } from "../documents.ts";
import { type Bench, grouped, type Measured, type Scenario, sized } from "../scenario.ts";

const BYTES = 1024;
/** With the end of the line it is a kilobyte. */
const COMMAND = ["/bin/echo", "x".repeat(BYTES - 1)];
const FILES = "S with files";

export const output: Scenario = {
  name: "output",
  question: "What does it cost to keep a kilobyte of output of every task?",
  pairs: 9,
  run: (bench) =>
    withDaemon(bench, async (daemon): Promise<Measured> => {
      const tasks = sized(bench, 20_000, 3_000);
      const series = await compare(bench, `${grouped(tasks)} × /bin/echo of 1 KB, fan-out and fan-in`, [
        qrewContender(daemon, (count) => fanOutAndIn(COMMAND, count), tasks),
        spawnLimit(bench, COMMAND, tasks),
        spawnWithFiles(bench, tasks),
      ]);
      await checkOutput(daemon);
      return { series, figures: ratiosTo(series, { "output/S": "S" }), absent: [], notes: [] };
    }),
};

/** What keeping output costs at least, when it stays where the process wrote it. */
const spawnWithFiles = (bench: Bench, tasks: number): Contender => ({
  name: FILES,
  records: "a file for the output of each, not flushed",
  tasks,
  run: async (count) => {
    const folder = mkdtempSync(path.join(bench.folder, "o"));
    const options = { parallel: bench.parallel, output: folder };
    const { seconds } = await runSpawn(bench, bench.folder, { command: COMMAND, count }, options);
    rmSync(folder, { recursive: true });
    return seconds;
  },
});

/** A rate would mean nothing if the output were not there. */
async function checkOutput({ client }: BenchDaemon): Promise<void> {
  const [latest] = client.jobs(1).jobs;
  if (latest === undefined)
    throw new QrewError("refused", "there is no job whose output could be looked at.");
  let bytes = 0;
  for await (const piece of client.logs(latest.job, "part[2]")) bytes += piece.length;
  if (bytes !== BYTES)
    throw new QrewError("refused", `${bytes} bytes of output were kept instead of ${BYTES}.`);
}
