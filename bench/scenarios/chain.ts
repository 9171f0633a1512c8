import { compare, samplesOf } from "../compare.ts";
import { qrewContender } from "../contenders/qrew.ts";
import { runSpawn } from "../contenders/spawnLimit.ts";
import { withDaemon } from "../daemon.ts";
import { chain as chainDocument } from "../documents.ts";
import { grouped, type Measured, type Scenario, sized } from "../scenario.ts";
import { estimateRatio } from "../statistics.ts";

const COMMAND = ["/bin/true"];

export const chain: Scenario = {
  name: "chain",
  question: "What does a dependency cost, when each task waits for the one before?",
  pairs: 9,
  run: (bench) =>
    withDaemon(bench, async (daemon): Promise<Measured> => {
      const tasks = sized(bench, 2_000, 500);
      const sequential = {
        name: "sequential spawn",
        records: "nothing: posix_spawn and wait, one after another",
        tasks,
        run: async (count: number) =>
          (await runSpawn(bench, daemon.work, { command: COMMAND, count }, { parallel: 1 })).seconds,
      };
      const series = await compare(bench, `chain of ${grouped(tasks)} × /bin/true`, [
        qrewContender(daemon, (count) => chainDocument(COMMAND, count), tasks),
        sequential,
      ]);
      // Times, not rates: how many times as long as bare processes one after another.
      const ratio = estimateRatio(samplesOf(series, sequential.name), samplesOf(series, "qrew"));
      return { series, figures: [{ key: "chain/spawn", ...ratio }], absent: [], notes: [] };
    }),
};
