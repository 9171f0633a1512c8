import { compare, ratiosTo, timesOf } from "../compare.ts";
import { contendersOf } from "../contenders/peer.ts";
import { workQueueChain } from "../contenders/makeflow.ts";
import { qrewContender } from "../contenders/qrew.ts";
import { runSpawn } from "../contenders/spawnLimit.ts";
import { withDaemon } from "../daemon.ts";
import { chain as chainDocument } from "../documents.ts";
import { grouped, type Measured, type Scenario, sized } from "../scenario.ts";

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
      const peers = contendersOf(bench, [workQueueChain], COMMAND, tasks);
      const series = await compare(bench, `chain of ${grouped(tasks)} × /bin/true`, [
        qrewContender(daemon, (count) => chainDocument(COMMAND, count), tasks),
        sequential,
        ...peers.contenders,
      ]);
      const ratios = ratiosTo(series, {
        "chain/spawn": sequential.name,
        "chain/work-queue": workQueueChain.name,
      });
      const notes = peers.contenders.map(
        ({ name }) => `${name} runs /bin/touch, as its dependencies are files.`,
      );
      return { series, figures: timesOf(ratios), absent: peers.absent, notes };
    }),
};
