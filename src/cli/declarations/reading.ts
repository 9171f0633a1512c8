/** Commands that only read the state folder: `jobs`, `watch`, `show`, `tasks`, `logs`. */
import type { Command } from "commander";
import type { JobsFlags } from "../commands/jobs.ts";
import type { LogsFlags } from "../commands/logs.ts";
import type { ShowFlags } from "../commands/show.ts";
import type { TasksFlags } from "../commands/tasks.ts";
import { declare, type Surroundings, withFilterOptions, withNdjson } from "./declare.ts";

export function declareReading(program: Command, { context, finish }: Surroundings): void {
  const list = declare(program, "jobs [job...]", "list jobs, the newest first", [
    "qrew jobs",
    "qrew jobs --state running,failed --name 'night*' --since 2d",
  ]);
  withFilterOptions(withNdjson(list))
    .option("--limit <number>", "show at most so many (default: 20)")
    .action(async (selectors: readonly string[], flags: JobsFlags) => {
      const { jobs } = await import("../commands/jobs.ts");
      await finish(jobs(context, selectors, flags));
    });
  program
    .command("watch [job...]")
    .description("show how jobs go, until they have ended or at Ctrl-C; a line for each change in a pipe")
    .addHelpText("after", "\nExamples:\n  qrew watch\n  qrew watch 3-7")
    .action(async (jobs: readonly string[]) => {
      const { watch } = await import("../commands/watch.ts");
      await finish(watch(context, jobs));
    });
  withNdjson(
    declare(program, "show <job...>", "show jobs: progress, times, the first errors", [
      "qrew show last",
      "qrew show 3-7",
    ]),
  ).action(async (jobs: readonly string[], flags: ShowFlags) => {
    const { show } = await import("../commands/show.ts");
    await finish(show(context, jobs, flags));
  });
  withNdjson(
    declare(program, "tasks <job>", "list the tasks of a job", [
      "qrew tasks last",
      "qrew tasks 7 --state failed,running",
    ]),
  )
    .option("--state <task-states>", "only tasks in one of these states, as failed,running")
    .action(async (job: string, flags: TasksFlags) => {
      const { tasks } = await import("../commands/tasks.ts");
      await finish(tasks(context, job, flags));
    });
  withNdjson(
    declare(program, "logs <job> [task...]", "print what tasks have written; without names all of them", [
      "qrew logs last",
      "qrew logs -f last",
      "qrew logs 7 'simulate[3]' --stderr",
    ]),
  )
    .option("-f, --follow", "print what is written from now on too, until the tasks have ended")
    .option("--stderr", "standard error instead of standard output")
    .option("--attempt <number>", "of this attempt instead of the last one")
    .action(async (job: string, tasks: readonly string[], flags: LogsFlags) => {
      const { logs } = await import("../commands/logs.ts");
      await finish(logs(context, job, tasks, flags));
    });
}
