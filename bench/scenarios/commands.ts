import { runCommand } from "../commands.ts";
import { withDaemon } from "../daemon.ts";
import { oneTask } from "../documents.ts";
import type { Measured, Scenario, Series } from "../scenario.ts";
import { estimateMedian } from "../statistics.ts";
import { writeFileSync } from "node:fs";
import path from "node:path";

const JOBS = 20;

export const commands: Scenario = {
  name: "commands",
  question: "How long does a person wait for a command?",
  pairs: 15,
  run: (bench) =>
    withDaemon(bench, async (daemon): Promise<Measured> => {
      const document = oneTask({ command: ["/bin/true"] });
      for (let job = 0; job < JOBS; job += 1) await daemon.runJob(document);
      const file = path.join(daemon.work, "one.json");
      writeFileSync(file, document);
      const qrew = async (...args: readonly string[]) => (await daemon.command(args)).seconds;
      const node = { cwd: daemon.work, signal: bench.signal };
      const measured = {
        "qrew --help": () => qrew("--help"),
        "qrew jobs": () => qrew("jobs"),
        "qrew run, one task": () => qrew("run", file),
        "node -e 0": async () => (await runCommand([process.execPath, "-e", "0"], node)).seconds,
      };
      const entries = Object.entries(measured).map(([what, run]) => ({
        what,
        run,
        samples: new Array<number>(),
      }));
      for (let round = -1; round < bench.pairs; round += 1) {
        for (const { run, samples } of entries) {
          const seconds = await run();
          // The first round only warms the page cache.
          if (round >= 0) samples.push(seconds * 1000);
        }
      }
      const series = entries.map(
        ({ what, samples }): Series => ({
          what,
          contender: what.startsWith("qrew") ? "qrew" : "Node",
          unit: "ms",
          samples,
          estimate: estimateMedian(samples),
          records: "",
          speedup: null,
        }),
      );
      const figureOf = (what: string) =>
        estimateMedian(entries.find((one) => one.what === what)?.samples ?? []);
      return {
        series,
        figures: [
          { key: "commands/help", ...figureOf("qrew --help") },
          { key: "commands/jobs", ...figureOf("qrew jobs") },
        ],
        absent: [],
        notes: [`${JOBS} jobs are in the state folder.`],
      };
    }),
};
