/** `qrew help [TOPIC]`: topics, and the help of commands. */
import type { Command } from "commander";
import { QrewError } from "../../../protocol/errors.ts";
import { didYouMean } from "../../workflow/nearest.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { HELP_TOPICS } from "../help/topics.ts";

export async function help(
  context: CommandContext,
  program: Command,
  words: readonly string[],
): Promise<ExitCode> {
  const { terminal } = context;
  const [name] = words;
  if (name === undefined) {
    await terminal.line("Commands:");
    for (const command of program.commands)
      await terminal.line(`  ${command.name().padEnd(14)}${command.description()}`);
    await terminal.line("\nTopics:");
    for (const [topic, { title }] of Object.entries(HELP_TOPICS))
      await terminal.line(`  ${topic.padEnd(14)}${title}`);
    await terminal.line("\nExample: qrew help selectors");
    return 0;
  }
  const topic = HELP_TOPICS[name];
  if (topic !== undefined && Object.hasOwn(HELP_TOPICS, name) && words.length === 1) {
    await terminal.line([`${name}: ${topic.title}`, "", ...topic.lines].join("\n"));
    return 0;
  }
  commandNamed(program, words).outputHelp();
  return 0;
}

function commandNamed(program: Command, words: readonly string[]): Command {
  let command = program;
  for (const word of words) {
    const next = command.commands.find((sub) => sub.name() === word);
    if (next === undefined) {
      const names = [...command.commands.map((sub) => sub.name()), ...Object.keys(HELP_TOPICS)];
      throw new QrewError(
        "notFound",
        `There is no help on "${word}".${didYouMean(word, names)} \`qrew help\` lists all.`,
      );
    }
    command = next;
  }
  return command;
}
