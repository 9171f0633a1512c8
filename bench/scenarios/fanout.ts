import { compare, ratiosTo } from "../compare.ts";
import { contendersOf } from "../contenders/peer.ts";
import { PEERS } from "../contenders/peers.ts";
import { qrewContender } from "../contenders/qrew.ts";
import { spawnLimit, spawnLimitEach } from "../contenders/spawnLimit.ts";
import { withDaemon } from "../daemon.ts";
import { fanOutAndIn } from "../documents.ts";
import { grouped, type Measured, type Scenario, sized } from "../scenario.ts";

const COMMAND = ["/bin/true"];

export const fanout: Scenario = {
  name: "fanout",
  question: "How fast do many short processes go, beside what the machine can do and what people use today?",
  pairs: 9,
  run: (bench) =>
    withDaemon(bench, async (daemon): Promise<Measured> => {
      const tasks = sized(bench, 20_000, 3_000);
      const peers = contendersOf(bench, PEERS, COMMAND, tasks);
      const series = await compare(bench, `${grouped(tasks)} × /bin/true, fan-out and fan-in`, [
        qrewContender(daemon, (count) => fanOutAndIn(COMMAND, count), tasks),
        spawnLimit(bench, COMMAND, tasks),
        spawnLimitEach(bench, COMMAND, tasks),
        ...peers.contenders,
      ]);
      const figures = ratiosTo(series, {
        "fanout/S": "S",
        "fanout/make": "make -j",
        "fanout/xargs": "xargs -n1 -P",
        "fanout/makeflow": "Makeflow",
        "fanout/parallel": "GNU parallel",
      });
      return { series, figures, absent: peers.absent, notes: [] };
    }),
};
