import { isFinalJobState } from "../../protocol/states.ts";
import { QrewError } from "../../protocol/errors.ts";
import { compare, ratiosTo } from "../compare.ts";
import { QREW_RECORDS } from "../contenders/qrew.ts";
import { spawnLimit } from "../contenders/spawnLimit.ts";
import { type BenchDaemon, withDaemon } from "../daemon.ts";
import { oneTask } from "../documents.ts";
import { type Bench, grouped, type Measured, type Scenario, sized } from "../scenario.ts";

const COMMAND = ["/bin/true"];

export const jobs: Scenario = {
  name: "jobs",
  question: "What does a job cost, when thousands of them have one task each?",
  pairs: 9,
  run: (bench) =>
    withDaemon(bench, async (daemon): Promise<Measured> => {
      const count = sized(bench, 5_000, 2_000);
      const series = await compare(bench, `${grouped(count)} jobs of one /bin/true at once`, [
        { name: "qrew", records: QREW_RECORDS, tasks: count, run: (tasks) => runJobs(bench, daemon, tasks) },
        spawnLimit(bench, COMMAND, count),
      ]);
      return { series, figures: ratiosTo(series, { "jobs/S": "S" }), absent: [], notes: [] };
    }),
};

/** Seconds from the first submission until the end of the last job is told. */
async function runJobs(bench: Bench, daemon: BenchDaemon, count: number): Promise<number> {
  const document = oneTask({ command: COMMAND });
  const startedMs = performance.now();
  const submissions = Array.from({ length: count }, () => daemon.submit(document));
  const accepted = (await Promise.all(submissions)).map(({ job }) => job);
  bench.signal.throwIfAborted();
  let succeeded = 0;
  for await (const { summary } of daemon.client.follow(accepted, bench.signal)) {
    if (!isFinalJobState(summary.state)) continue;
    if (summary.state !== "succeeded") throw new QrewError("refused", `job ${summary.job} ${summary.state}.`);
    succeeded += 1;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  bench.signal.throwIfAborted();
  if (succeeded !== count) throw new QrewError("refused", `${succeeded} of ${count} jobs succeeded.`);
  return seconds;
}
