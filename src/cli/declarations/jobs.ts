/** Commands that wait for jobs or change what becomes of them: `wait`, `cancel`, `pause`, `resume`, `retry`. */
import type { Command } from "commander";
import type { CancelFlags } from "../commands/cancel.ts";
import type { ExplainFlags } from "../commands/explain.ts";
import type { PauseFlags } from "../commands/pause.ts";
import type { PruneFlags } from "../commands/prune.ts";
import type { RetryFlags } from "../commands/retry.ts";
import type { WaitFlags } from "../commands/wait.ts";
import type { PauseOutputFlags } from "../pausing.ts";
import { declare, type Surroundings, withFilterOptions, withImportOptions, withNdjson } from "./declare.ts";

export function declareJobs(program: Command, { context, finish }: Surroundings): void {
  withNdjson(
    declare(program, "wait <job...>", "wait until jobs have ended; exits as they did", [
      "qrew wait last",
      "qrew wait 3-7",
    ]),
  ).action(async (jobs: readonly string[], flags: WaitFlags) => {
    const { wait } = await import("../commands/wait.ts");
    await finish(wait(context, jobs, flags));
  });
  const stop = declare(program, "cancel [job...]", "cancel jobs and wait until their last process is gone", [
    "qrew cancel last",
    "qrew cancel 3-7 12",
    "qrew cancel --state queued --name 'night*'",
  ]);
  withFilterOptions(withNdjson(stop)).action(async (jobs: readonly string[], flags: CancelFlags) => {
    const { cancel } = await import("../commands/cancel.ts");
    await finish(cancel(context, jobs, flags));
  });
  const again = declare(program, "retry <job...>", "run what did not succeed again, and what depends on it", [
    "qrew retry last",
    "qrew retry 7 --file corrected.yaml",
  ]);
  withImportOptions(again)
    .option("--file <file>", "a corrected document: what succeeded and is unchanged is kept")
    .action(async (jobs: readonly string[], flags: RetryFlags) => {
      const { retry } = await import("../commands/retry.ts");
      await finish(retry(context, jobs, flags));
    });
  declarePrune(program, { context, finish });
  declare(program, "explain <job> [task]", "say why a job, or a task of it, waits", [
    "qrew explain last",
    "qrew explain 7 'simulate[3]'",
  ]).action(async (job: string, task: string | undefined, flags: ExplainFlags) => {
    const { explain } = await import("../commands/explain.ts");
    await finish(explain(context, job, task ?? null, flags));
  });
  const hold = declare(program, "pause <job...>", "start nothing new of jobs; what runs goes on to its end", [
    "qrew pause last",
    "qrew pause --stop 3-7",
  ]);
  withNdjson(hold)
    .option("--stop", "suspend what runs as well (SIGSTOP); its time limits stand still")
    .action(async (jobs: readonly string[], flags: PauseFlags) => {
      const { pause } = await import("../commands/pause.ts");
      await finish(pause(context, jobs, flags));
    });
  withNdjson(
    declare(program, "resume <job...>", "let paused jobs go on", ["qrew resume last", "qrew resume all"]),
  ).action(async (jobs: readonly string[], flags: PauseOutputFlags) => {
    const { resume } = await import("../commands/resume.ts");
    await finish(resume(context, jobs, flags));
  });
}

function declarePrune(program: Command, { context, finish }: Pick<Surroundings, "context" | "finish">): void {
  declare(program, "prune [job...]", "delete jobs that have ended, with their records and outputs", [
    "qrew prune --older-than 30d",
    "qrew prune --keep 100 --state succeeded --dry-run",
    "qrew prune 1-50",
  ])
    .option("--older-than <age>", "that ended so long ago at least, as 12h or 30d")
    .option("--keep <number>", "but for so many, the newest")
    .option("--state <states>", "in one of these states, as succeeded,cancelled")
    .option("--name <pattern>", "of this name; * and ? as in the shell")
    .option("--folders", "delete the folders made by --fresh-dir as well")
    .option("--dry-run", "only list them")
    .addHelpText(
      "after",
      "\nBy itself, every hour: `qrew config set prune.olderThan 30d` (and prune.keep,\nprune.state, prune.folders).",
    )
    .action(async (jobs: readonly string[], flags: PruneFlags) => {
      const { prune } = await import("../commands/prune.ts");
      await finish(prune(context, jobs, flags));
    });
}
