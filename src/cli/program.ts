/**
 * The command line as a table: what there is stands in declarations/, and each command is carried out by a file in
 * commands/. Those are loaded when their command is called, so that `qrew --help` loads nothing but this.
 */
import { Command, CommanderError, Help } from "commander";
import { QREW_VERSION } from "../../protocol/version.ts";
import type { CommandContext, ExitCode } from "./context.ts";
import { declareDaemon } from "./declarations/daemon.ts";
import type { Surroundings } from "./declarations/declare.ts";
import { declareJobs } from "./declarations/jobs.ts";
import { declareReading } from "./declarations/reading.ts";
import { declareSetup } from "./declarations/setup.ts";
import { declareStore } from "./declarations/store.ts";
import { declareSubmission } from "./declarations/submission.ts";
import { COMMAND_TAKERS, usageError } from "./usageError.ts";

/** A screen has no room for a line of each; `qrew help` has. */
const AFTER_HELP = `
Commands (\`qrew COMMAND --help\` says more, \`qrew help\` lists them one by one):
  run, submit             a workflow, or a command: run -- gzip {} ::: *.dat
  validate, convert       check a document; make one of another tool's file
  jobs, show, tasks       what there is, how it goes, what failed and why
  logs, watch, graph      what tasks write; a live view; the DAG as a picture
  explain                 why a job or a task waits
  wait, cancel, retry     until the end; stop; run what did not succeed again
  pause, resume, prune    hold; go on; delete what has ended
  doctor, config, store   the machine, the settings, the state folder
  daemon, completion      what runs in the background; for bash, zsh, fish

Jobs are named by number, or "last", "3-7", "3,5", "all". Their state is in
$QREW_HOME (default ~/.qrew). Exit codes: \`qrew help exit-codes\`.`;

/** Parses `args` (without node and script) and carries out the command. Throws QrewError, also for wrong use. */
export async function runProgram(args: readonly string[], context: CommandContext): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const { own, command } = splitAtDashes(args);
  const program = makeProgram({
    context,
    command,
    finish: async (run) => {
      exitCode = await run;
    },
  });
  // Help is written by the terminal as everything else, which notices what cannot be written.
  let help = "";
  for (const command of withSubcommands(program))
    command.configureOutput({ writeOut: (text) => (help += text), writeErr: () => undefined });
  try {
    await program.parseAsync([...own], { from: "user" });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.exitCode !== 0) throw usageError(thrown, program, own);
    exitCode = 0;
  }
  if (help !== "") await context.terminal.write(help);
  return exitCode;
}

/** Of commands that take another one after `--`. Everywhere else `--` means that no options follow. */
function splitAtDashes(args: readonly string[]): {
  readonly own: readonly string[];
  readonly command: readonly string[] | null;
} {
  const dashes = args.indexOf("--");
  const name = args.find((arg) => !arg.startsWith("-"));
  if (dashes === -1 || name === undefined || !COMMAND_TAKERS.has(name)) return { own: args, command: null };
  return { own: args.slice(0, dashes), command: args.slice(dashes + 1) };
}

export const withSubcommands = (command: Command): readonly Command[] => [
  command,
  ...command.commands.flatMap(withSubcommands),
];

/** The program's own names its commands below. `visibleCommands` alone would hide them from suggestions as well. */
function formatHelp(command: Command, helper: Help): string {
  if (command.parent === null) helper.visibleCommands = () => [];
  return new Help().formatHelp(command, helper);
}

/** All commands. Nothing is carried out before the program is told to parse. */
export function makeProgram(surroundings: Surroundings): Command {
  const program = new Command("qrew")
    .description("Runs workflows: tasks that depend on each other, on this machine.")
    .version(QREW_VERSION)
    .option("--debug", "show where an error comes from")
    .configureHelp({ formatHelp })
    .addHelpText("after", AFTER_HELP)
    .helpCommand(false)
    .showSuggestionAfterError()
    .exitOverride();
  declareSubmission(program, surroundings);
  declareReading(program, surroundings);
  declareJobs(program, surroundings);
  declareDaemon(program, surroundings);
  declareStore(program, surroundings);
  declareSetup(program, surroundings);
  return program;
}
