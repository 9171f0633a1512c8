/** docs/commands.md: the help of all commands as one document, made of the program itself. */
import type { Command } from "commander";
import { QrewError } from "../../protocol/errors.ts";
import type { CommandContext } from "./context.ts";
import { openTerminal } from "./terminal.ts";
import { EXIT_CODES } from "./help/exitCodes.ts";
import { HELP_TOPICS } from "./help/topics.ts";
import { makeProgram, withSubcommands } from "./program.ts";

/** Lines of help are broken here, whatever terminal the document is made on. */
const COLUMNS = 100;

const HEAD = `# Commands

Made of the program by \`npm run docs\`: what \`qrew COMMAND --help\` and \`qrew help TOPIC\` print.`;

export function commandsMarkdown(): string {
  const program = makeProgram({ context: nowhere(), command: null, finish: async () => undefined });
  const commands = withSubcommands(program).slice(1);
  return [
    HEAD,
    ...commands.map((command) => `## ${pathOf(command)}\n\n${fenced(helpOf(command))}`),
    "# Exit codes",
    [
      "| code | meaning |",
      "|---|---|",
      ...EXIT_CODES.map(([code, meaning]) => `| ${code} | ${meaning} |`),
    ].join("\n"),
    "# Topics",
    ...Object.entries(HELP_TOPICS).map(
      ([name, { title, lines }]) => `## qrew help ${name}\n\n${title}\n\n${fenced(lines.join("\n"))}`,
    ),
    "",
  ]
    .join("\n\n")
    .trimEnd()
    .concat("\n");
}

/** Nothing is carried out. */
const nowhere = (): CommandContext => ({
  terminal: openTerminal(process.stdout, process.stderr, {}),
  home: () => Promise.reject(new QrewError("internal", "Help needs no state folder.")),
  onSignal: () => () => undefined,
});

const pathOf = (command: Command): string =>
  command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;

const fenced = (text: string): string => `\`\`\`text\n${text.trimEnd()}\n\`\`\``;

function helpOf(command: Command): string {
  let text = "";
  // Here is room for all.
  for (const option of command.options) option.hideHelp(false);
  command.configureOutput({
    writeOut: (piece) => (text += piece),
    getOutHelpWidth: () => COLUMNS,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text;
}
