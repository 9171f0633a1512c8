/** Help is read on a screen: it fits one, and shows what to type. */
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { makeProgram } from "../../../src/cli/program.ts";
import { recorder } from "./recorder.ts";
import { makeHome } from "../client/fakeManager.ts";

/** A terminal window as most people have it; `run` and `submit` have more to say. */
const LINES_MAX = 24;
const LINES_MAX_OF_LONG = 40;
const LONG: ReadonlySet<string> = new Set(["qrew run", "qrew submit", "qrew"]);
const COLUMNS_MAX = 120;

const home = makeHome();
const program = makeProgram({
  context: recorder(home).context,
  command: null,
  finish: async () => undefined,
});
home.remove();

const named = (command: Command): string =>
  command.parent === null ? command.name() : `${named(command.parent)} ${command.name()}`;
const withSubcommands = (command: Command): Command[] => [
  command,
  ...command.commands.flatMap(withSubcommands),
];
const commands = withSubcommands(program).map((command) => [named(command), command] as const);

function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (piece) => (text += piece), getOutHelpWidth: () => 100 });
  command.outputHelp();
  return text;
}

describe("help", () => {
  it("is there for many commands", () => expect(commands.length).toBeGreaterThan(12));

  it.each(commands)("of %s fits a screen", (name, command) => {
    const lines = helpOf(command).trimEnd().split("\n");
    expect(lines.length).toBeLessThanOrEqual(LONG.has(name) ? LINES_MAX_OF_LONG : LINES_MAX);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(COLUMNS_MAX);
  });

  it.each(commands.slice(1))("of %s has an example", (name, command) => {
    const lines = helpOf(command).trimEnd().split("\n");
    const examples = lines.slice(lines.findIndex((line) => /^Examples?:$/.test(line)) + 1);
    expect(examples.some((line) => line.startsWith("  ") && line.includes(name))).toBe(true);
  });

  it.each(commands.slice(1))("of %s describes each option", (_, command) => {
    expect(command.description()).not.toBe("");
    expect(command.options.filter((option) => option.description === "").map(({ flags }) => flags)).toEqual(
      [],
    );
  });
});
