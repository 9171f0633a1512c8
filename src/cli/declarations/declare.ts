/** What the declarations of all commands share. */
import type { Command } from "commander";
import type { CommandContext, ExitCode } from "../context.ts";

/** What a command is declared with: the surroundings that it runs in, and where its exit code goes. */
export interface Surroundings {
  readonly context: CommandContext;
  /** The words after `--` of a command that takes another one; null where there is no `--`. */
  readonly command: readonly string[] | null;
  readonly finish: (run: Promise<ExitCode>) => Promise<void>;
}

/** Without what it can be typed as, a command is not worth having: at least one example. */
export type Examples = readonly [string, ...string[]];

/** Subcommands inherit how the program reports errors. `examples` are whole command lines, as one types them. */
export function declare(
  program: Command,
  nameAndArguments: string,
  description: string,
  examples: Examples,
): Command {
  return program
    .command(nameAndArguments)
    .description(description)
    .option("--json", "print JSON instead of text")
    .addHelpText("after", examplesText(examples));
}

function examplesText(examples: Examples): string {
  const title = examples.length === 1 ? "Example:" : "Examples:";
  return `\n${[title, ...examples.map((example) => `  ${example}`)].join("\n")}`;
}

/** For options that may be given more than once. */
export const collect = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  value,
];

/** For commands that print a list. */
export const withNdjson = (command: Command): Command =>
  command.option("--ndjson", "print a line of JSON for each element of the list");

/** Which jobs of many; src/cli/jobFilters.ts reads them. */
export const withFilterOptions = (command: Command): Command =>
  command
    .option("--state <states>", "only jobs in one of these states, as running,queued")
    .option("--name <pattern>", "only jobs of this name; * and ? as in the shell")
    .option("--since <when>", "only jobs submitted since, as 2h, 3d or 2026-03-14");

/** For commands that read a document. */
export function withImportOptions(command: Command): Command {
  return command
    .option("--format <format>", "qrew, makeflow, makeflow-json, makeflow-jx, wfformat; if not found out")
    .option("--jx-args <file>", "JX: a file with variables; may be repeated", collect)
    .option("--jx-define <name=value>", "JX: a variable, as 'N=3' or 'S=\"a b\"'; may be repeated", collect)
    .option("--time-scale <number>", "WfFormat: multiply recorded times, as 0.01", "1")
    .option("--size-scale <number>", "WfFormat: multiply sizes of recorded files", "0");
}

/** Takes the options declared so far out of the help, which has to fit a screen: a topic tells of them. */
export function leftToTopics(command: Command): Command {
  for (const option of command.options) if (option.long !== "--json") option.hideHelp();
  return command;
}
