import { compare, ratiosTo } from "../compare.ts";
import { qrewContender } from "../contenders/qrew.ts";
import { type BenchDaemon, withDaemon } from "../daemon.ts";
import { fanOutAndIn, heldJob } from "../documents.ts";
import { grouped, type Measured, type Scenario, sized } from "../scenario.ts";

const COMMAND = ["/bin/true"];
/** So many cpus the daemon has, and so many QWorkers at most: each gets a held job. */
const CPUS = 2;
const SMALL = 10;

export const held: Scenario = {
  name: "held",
  question: "Do tasks start as fast while the QWorker holds a job of a million tasks?",
  pairs: 9,
  run: (bench) => {
    const [large, tasks] = [sized(bench, 1_000_000, 200_000), sized(bench, 10_000, 3_000)];
    const withHeld = <Result>(count: number, body: (daemon: BenchDaemon) => Promise<Result>) =>
      withDaemon(
        bench,
        async (daemon) => {
          for (let job = 0; job < CPUS; job += 1) await daemon.submit(heldJob(COMMAND, count));
          return body(daemon);
        },
        ["--cpus", String(CPUS)],
      );
    return withHeld(large, (withLarge) =>
      withHeld(SMALL, async (withSmall): Promise<Measured> => {
        const document = (count: number): Uint8Array => fanOutAndIn(COMMAND, count);
        const contender = qrewContender(withSmall, document, tasks);
        const series = await compare(bench, `${grouped(tasks)} × /bin/true beside a waiting job`, [
          { ...qrewContender(withLarge, document, tasks), name: `qrew, ${grouped(large)} tasks wait` },
          { ...contender, name: `qrew, ${SMALL} tasks wait` },
        ]);
        const figures = ratiosTo(series, { "held/rate": `qrew, ${SMALL} tasks wait` });
        return { series, figures, absent: [], notes: [] };
      }),
    );
  },
};
