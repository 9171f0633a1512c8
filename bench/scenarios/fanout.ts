import { compare, samplesOf } from "../compare.ts";
import { qrewContender } from "../contenders/qrew.ts";
import { spawnLimit } from "../contenders/spawnLimit.ts";
import { withDaemon } from "../daemon.ts";
import { fanOutAndIn } from "../documents.ts";
import { grouped, type Measured, type Scenario, sized } from "../scenario.ts";
import { estimateRatio } from "../statistics.ts";

const COMMAND = ["/bin/true"];

export const fanout: Scenario = {
  name: "fanout",
  question: "How fast do many short processes go, beside what the machine can do and what people use today?",
  pairs: 9,
  run: (bench) =>
    withDaemon(bench, async (daemon): Promise<Measured> => {
      const tasks = sized(bench, 20_000, 4_000);
      const series = await compare(bench, `${grouped(tasks)} × /bin/true, fan-out and fan-in`, [
        qrewContender(daemon, (count) => fanOutAndIn(COMMAND, count), tasks),
        spawnLimit(bench, COMMAND, tasks),
      ]);
      const qrew = samplesOf(series, "qrew");
      return {
        series,
        figures: [{ key: "fanout/S", ...estimateRatio(qrew, samplesOf(series, "S")) }],
        absent: [],
        notes: [],
      };
    }),
};
