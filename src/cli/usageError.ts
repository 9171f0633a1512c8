/** Wrong use of the command line, as one sentence with the way to the right one. */
import type { Command, CommanderError } from "commander";
import { QrewError } from "../../protocol/errors.ts";

const JOBS = "`qrew jobs` lists the jobs";

/** What people type who know other tools, and what it is here. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ["status", `\`qrew daemon status\` shows the daemon, ${JOBS}`],
  ["list", JOBS],
  ["ls", JOBS],
  ["ps", JOBS],
  ["kill", "`qrew cancel JOB` ends a job, `qrew daemon stop` the daemon"],
  ["stop", "`qrew cancel JOB` ends a job, `qrew daemon stop` the daemon"],
]);

/** Commands that take another one after `--`. */
export const COMMAND_TAKERS: ReadonlySet<string> = new Set(["run", "submit"]);

/** An option of `run` that `submit` has not; else it is most likely one of the command that is to be run. */
function elsewhereOf(what: string, used: Command | undefined, program: Command): string {
  const option = /'([^']+)'/.exec(what)?.[1];
  const isOfRun = program.commands
    .find((command) => command.name() === "run" && command !== used)
    ?.options.some(({ short, long }) => option === short || option === long);
  return isOfRun === true
    ? " (`qrew run` has it, which prints what tasks write)"
    : " (options of another command follow --, as in `qrew run -- tar -x …`)";
}

/** What commander found in `args`. */
export function usageError(error: CommanderError, program: Command, args: readonly string[]): QrewError {
  const words = args.filter((arg) => !arg.startsWith("-"));
  const first = program.commands.find((command) => command.name() === words[0]);
  const second = first?.commands.find((command) => command.name() === words[1]);
  const path = ["qrew", first?.name(), second?.name()].filter((name) => name !== undefined).join(" ");
  // Without a command there is nothing wrong to name, and commander's text is the help itself.
  if (error.code === "commander.help")
    return new QrewError("usage", `A command is missing: see \`${path} --help\`.`);
  const meant =
    first === undefined && error.code === "commander.unknownCommand"
      ? ELSEWHERE.get(words[0] ?? "")
      : undefined;
  if (meant !== undefined) return new QrewError("usage", `There is no command ${words[0]}: ${meant}.`);
  const [what = "", ...hints] = error.message.replace(/^error: /, "").split("\n");
  const hint = hints.map((line) => line.trim()).find((line) => line.startsWith("(Did you mean"));
  const isCommand = error.code === "commander.unknownOption" && COMMAND_TAKERS.has(first?.name() ?? "");
  const elsewhere = isCommand ? elsewhereOf(what, first, program) : "";
  const sentence = what.charAt(0).toUpperCase() + what.slice(1).replace(/\.$/, "");
  return new QrewError(
    "usage",
    `${sentence}${hint === undefined ? elsewhere : ` ${hint}`}: see \`${path} --help\`.`,
  );
}
