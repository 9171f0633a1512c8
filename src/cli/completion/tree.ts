/** What there is to complete: the commands, options and arguments of the program, as plain data. */
import type { Command, Option } from "commander";
import { WORKFLOW_FORMATS } from "../../../protocol/clientLink.ts";
import { SETTINGS } from "../../client/settings.ts";
import { HELP_TOPICS } from "../help/topics.ts";
import { TASK_STATES } from "../../store/workerRecords.ts";
import { JOB_STATES } from "../jobFilters.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** What may stand for a value or an argument. */
export type Values =
  | { readonly type: "files" }
  | { readonly type: "folders" }
  /** Numbers of jobs, which are asked for, and `last` and `all`. */
  | { readonly type: "jobs" }
  | { readonly type: "words"; readonly words: readonly string[] }
  /** Something that nobody can guess. */
  | { readonly type: "free" };

export interface OptionNode {
  readonly long: string;
  readonly short: string | null;
  readonly description: string;
  /** Null for a switch. */
  readonly value: Values | null;
}

export interface CommandNode {
  /** Empty for the program itself, else `run` or `daemon start`. */
  readonly path: string;
  readonly description: string;
  readonly subcommands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly OptionNode[];
  readonly argument: Values;
}

/** The program first, then each command with its subcommands behind it. */
export function commandNodes(program: Command): readonly CommandNode[] {
  return nodesOf(program, "");
}

function nodesOf(command: Command, path: string): readonly CommandNode[] {
  const node: CommandNode = {
    path,
    description: command.description(),
    subcommands: command.commands.map((sub) => ({ name: sub.name(), description: sub.description() })),
    options: [...command.options.map(optionNode), HELP],
    argument: valuesOf(command.registeredArguments[0]?.name() ?? ""),
  };
  return [
    node,
    ...command.commands.flatMap((sub) => nodesOf(sub, path === "" ? sub.name() : `${path} ${sub.name()}`)),
  ];
}

const HELP: OptionNode = {
  long: "--help",
  short: "-h",
  description: "show the help of the command",
  value: null,
};

function optionNode(option: Option): OptionNode {
  const name = /[<[]([\w=-]+)/.exec(option.flags)?.[1];
  return {
    long: option.long ?? "",
    short: option.short ?? null,
    description: option.description,
    value: name === undefined ? null : (CHOICES.get(`${option.long} ${name}`) ?? valuesOf(name)),
  };
}

const words = (list: readonly string[]): Values => ({ type: "words", words: list });

/** By the option, and the name that its value has in the help. */
const CHOICES: ReadonlyMap<string, Values> = new Map([
  ["--state states", words(JOB_STATES)],
  ["--state task-states", words(TASK_STATES)],
  ["--format format", words(WORKFLOW_FORMATS)],
  ["--to format", words(["yaml", "json"])],
]);

/** By the name that the argument has in the help. */
function valuesOf(name: string): Values {
  switch (name) {
    case "file":
      return { type: "files" };
    case "folder":
      return { type: "folders" };
    case "job":
      return { type: "jobs" };
    case "setting":
      return words(SETTINGS.map(({ key }) => key));
    case "shell":
      return words(SHELLS);
    case "topic":
      return words(Object.keys(HELP_TOPICS));
    default:
      return { type: "free" };
  }
}

/** A shell command that prints the numbers of the newest jobs. */
export const JOBS_COMMAND =
  "command qrew jobs --ndjson --limit 30 2>/dev/null | command sed -n 's/^{\"id\":\\([0-9]*\\),.*/\\1/p'";
