/**
 * The command line as a table: names, arguments, options, and the file that carries each command out. Those files are
 * loaded when their command is called, so that `qrew --help` loads nothing but this.
 */
import { Command, CommanderError } from "commander";
import { QREW_VERSION } from "../../protocol/version.ts";
import type { CancelFlags } from "./commands/cancel.ts";
import type { ConvertFlags } from "./commands/convert.ts";
import type { DaemonStartFlags } from "./commands/daemonStart.ts";
import type { DaemonStatusFlags } from "./commands/daemonStatus.ts";
import type { DaemonStopFlags } from "./commands/daemonStop.ts";
import type { JobsFlags } from "./commands/jobs.ts";
import type { LogsFlags } from "./commands/logs.ts";
import type { RunFlags } from "./commands/run.ts";
import type { ShowFlags } from "./commands/show.ts";
import type { TasksFlags } from "./commands/tasks.ts";
import type { ValidateFlags } from "./commands/validate.ts";
import type { WaitFlags } from "./commands/wait.ts";
import type { CommandContext, ExitCode } from "./context.ts";
import type { SubmissionFlags } from "./submitting.ts";
import { usageError } from "./usageError.ts";

const AFTER_HELP = `
Jobs are named by their number or by "last". State is kept in $QREW_HOME (default ~/.qrew).
Exit codes: 0 succeeded, 1 the job failed, 2 wrong use or invalid document, 3 no such thing,
4 the manager cannot be reached, 130 interrupted.`;

/** Options may be given more than once. */
const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** Parses `args` (without node and script) and carries out the command. Throws QrewError, also for wrong use. */
export async function runProgram(args: readonly string[], context: CommandContext): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const finish = async (run: Promise<ExitCode>): Promise<void> => {
    exitCode = await run;
  };
  const program = makeProgram();
  declareSubmission(program, context, finish);
  declareReading(program, context, finish);
  declareJobs(program, context, finish);
  declareDaemon(program, context, finish);
  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.exitCode === 0) return 0;
    throw usageError(thrown, program, args);
  }
  return exitCode;
}

type Finish = (run: Promise<ExitCode>) => Promise<void>;

function makeProgram(): Command {
  return new Command("qrew")
    .description("Runs workflows: tasks that depend on each other, on this machine.")
    .version(QREW_VERSION)
    .option("--debug", "show where an error comes from")
    .addHelpText("after", AFTER_HELP)
    .helpCommand(false)
    .showSuggestionAfterError()
    .configureOutput({ writeErr: () => undefined })
    .exitOverride();
}

/** Subcommands inherit how the program reports errors. */
function declare(program: Command, nameAndArguments: string, description: string): Command {
  return program
    .command(nameAndArguments)
    .description(description)
    .option("--json", "print JSON instead of text");
}

function declareSubmission(program: Command, context: CommandContext, finish: Finish): void {
  const withSubmissionOptions = (command: Command): Command =>
    withImportOptions(command)
      .option("--name <name>", "name of the job, over the document's")
      .option("--priority <number>", "higher goes first, from -1000 to 1000", "0")
      .option("--dir <folder>", "run the tasks in this folder instead of the current one")
      .option("--fresh-dir", "run the tasks in a new folder of the job's own")
      .option("--clean-env", "give the tasks a minimal environment instead of this one")
      .option("--cpus <number>", "cpus of the daemon, if this command starts it");
  withSubmissionOptions(declare(program, "run <file>", "submit a workflow and follow it (- reads stdin)"))
    .option("--detach", "leave as soon as the job is accepted")
    .action(async (file: string, flags: RunFlags) => {
      const { run } = await import("./commands/run.ts");
      await finish(run(context, file, flags));
    });
  withSubmissionOptions(
    declare(program, "submit <file>", "submit a workflow and print the number of its job"),
  ).action(async (file: string, flags: SubmissionFlags) => {
    const { submit } = await import("./commands/submit.ts");
    await finish(submit(context, file, flags));
  });
  withImportOptions(
    declare(program, "validate <file>", "check a workflow document and list every fault"),
  ).action(async (file: string, flags: ValidateFlags) => {
    const { validate } = await import("./commands/validate.ts");
    await finish(validate(context, file, flags));
  });
  withImportOptions(declare(program, "convert <file>", "print a workflow of any format as a qrew document"))
    .option("--to <format>", "yaml or json", "yaml")
    .action(async (file: string, flags: ConvertFlags) => {
      const { convert } = await import("./commands/convert.ts");
      await finish(convert(context, file, flags));
    });
}

function withImportOptions(command: Command): Command {
  return command
    .option("--format <format>", "qrew, makeflow, makeflow-json or wfformat, if it is not found out")
    .option("--time-scale <number>", "WfFormat: multiply recorded times, as 0.01", "1")
    .option("--size-scale <number>", "WfFormat: multiply sizes of recorded files", "0");
}

function declareReading(program: Command, context: CommandContext, finish: Finish): void {
  declare(program, "jobs", "list jobs, the newest first")
    .option("--limit <number>", "show at most so many", "20")
    .action(async (flags: JobsFlags) => {
      const { jobs } = await import("./commands/jobs.ts");
      await finish(jobs(context, flags));
    });
  declare(program, "show <job>", "show a job: progress, times, the first errors").action(
    async (job: string, flags: ShowFlags) => {
      const { show } = await import("./commands/show.ts");
      await finish(show(context, job, flags));
    },
  );
  declare(program, "tasks <job>", "list the tasks of a job").action(
    async (job: string, flags: TasksFlags) => {
      const { tasks } = await import("./commands/tasks.ts");
      await finish(tasks(context, job, flags));
    },
  );
  declare(program, "logs <job> [task]", "print what a task, or every task, has written")
    .option("--stderr", "standard error instead of standard output")
    .option("--attempt <number>", "of this attempt instead of the last one")
    .action(async (job: string, task: string | undefined, flags: LogsFlags) => {
      const { logs } = await import("./commands/logs.ts");
      await finish(logs(context, job, task ?? null, flags));
    });
}

function declareJobs(program: Command, context: CommandContext, finish: Finish): void {
  declare(program, "wait <job...>", "wait until jobs have ended; exits as they did").action(
    async (jobs: readonly string[], flags: WaitFlags) => {
      const { wait } = await import("./commands/wait.ts");
      await finish(wait(context, jobs, flags));
    },
  );
  declare(program, "cancel <job...>", "cancel jobs and wait until their last process is gone").action(
    async (jobs: readonly string[], flags: CancelFlags) => {
      const { cancel } = await import("./commands/cancel.ts");
      await finish(cancel(context, jobs, flags));
    },
  );
}

function declareDaemon(program: Command, context: CommandContext, finish: Finish): void {
  const daemon = program
    .command("daemon")
    .description("start, stop or look at the daemon of the state folder")
    .helpCommand(false);
  declare(daemon, "start", "start a daemon that stays until it is stopped")
    .option("--cpus <number>", "cpus that tasks may use together (default: those this process may use)")
    .option("--memory <size>", "memory that tasks may use together, as 4G")
    .option("--gpus <number>", "gpus that tasks may use together")
    .option("--resource <name=amount>", "a named resource; may be repeated", collect)
    .option("--foreground", "stay in the foreground, for service managers")
    .action(async (flags: DaemonStartFlags) => {
      const { daemonStart } = await import("./commands/daemonStart.ts");
      await finish(daemonStart(context, flags));
    });
  declare(daemon, "stop", "stop the daemon when running tasks have ended; the queue is kept")
    .option("--now", "stop running tasks too; they are repeated by the next daemon")
    .option("--timeout <duration>", "how long to wait for the end, as 90s or 1h")
    .action(async (flags: DaemonStopFlags) => {
      const { daemonStop } = await import("./commands/daemonStop.ts");
      await finish(daemonStop(context, flags));
    });
  declare(daemon, "status", "show the daemon's processes and what it does").action(
    async (flags: DaemonStatusFlags) => {
      const { daemonStatus } = await import("./commands/daemonStatus.ts");
      await finish(daemonStatus(context, flags));
    },
  );
}
