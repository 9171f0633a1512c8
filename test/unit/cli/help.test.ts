/** Help is read on a screen: it fits one, and shows what to type. */
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { HELP_TOPICS } from "../../../src/cli/help/topics.ts";
import { makeProgram } from "../../../src/cli/program.ts";
import { recorder } from "./recorder.ts";
import { makeHome } from "../client/fakeManager.ts";

/** Parsed, and not carried out. */
class Parsed extends Error {}

/** The command lines of qrew in an example, in words. */
function linesOf(example: string): readonly (readonly string[])[] {
  return example
    .split(/\s*(?:\||&&)\s*/)
    .flatMap((part) => (/^\w+=\$\(qrew (.*)\)$/.exec(part) ?? /^qrew (.*)$/.exec(part))?.[1] ?? [])
    .map((line) => line.replace(/\s+[<>#].*$/, ""))
    .map((line) =>
      [...line.matchAll(/'([^']*)'|"([^"]*)"|((?:\$\([^)]*\)|\S)+)/g)].map(
        ([, a, b, c]) => a ?? b ?? c ?? "",
      ),
    );
}

function parse(words: readonly string[]): unknown {
  const dashes = words.indexOf("--");
  const place = makeHome();
  try {
    const parser = makeProgram({
      context: recorder(place).context,
      command: dashes < 0 ? null : words.slice(dashes + 1),
      finish: async () => undefined,
    });
    for (const command of withSubcommands(parser)) {
      command.configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
    }
    parser.hook("preAction", () => {
      throw new Parsed();
    });
    parser.parse(dashes < 0 ? words : words.slice(0, dashes), { from: "user" });
    return "nothing was called";
  } catch (thrown) {
    return thrown;
  } finally {
    place.remove();
  }
}

/** A terminal window as most people have it. */
const LINES_MAX = 24;
const COLUMNS = 80;

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
  command.configureOutput({ writeOut: (piece) => (text += piece), getOutHelpWidth: () => COLUMNS });
  command.outputHelp();
  return text;
}

describe("help", () => {
  it("is there for many commands", () => expect(commands.length).toBeGreaterThan(12));

  it.each(commands)("of %s fits a screen", (_, command) => {
    const lines = helpOf(command).trimEnd().split("\n");
    expect(lines.length).toBeLessThanOrEqual(LINES_MAX);
    expect(lines.filter((line) => line.length > COLUMNS)).toEqual([]);
  });

  it("of the program names every command", () => {
    const named = helpOf(program)
      .split("\n")
      .flatMap((line) => /^ {2}(\w+(?:, \w+)*) {2}/.exec(line)?.[1]?.split(", ") ?? []);
    const names = program.commands.map((command) => command.name()).filter((name) => name !== "help");
    expect(named.toSorted()).toEqual(names.toSorted());
  });

  it.each(commands.slice(1))("of %s leaves out what a topic tells, and says which", (_, command) => {
    const help = helpOf(command);
    for (const { long, short, hidden } of command.options) {
      if (!hidden) continue;
      const shown = help.includes(long ?? "") || (short !== undefined && help.split(/\s+/).includes(short));
      expect({ long, shown }).toEqual({ long, shown: true });
      const told = Object.values(HELP_TOPICS).some(({ lines }) =>
        lines.some((line) => [long, short].some((name) => name !== undefined && line.includes(`${name} `))),
      );
      expect({ long, told }).toEqual({ long, told: true });
    }
  });

  it.each(commands.slice(1))("of %s has an example", (name, command) => {
    const lines = helpOf(command).trimEnd().split("\n");
    const examples = lines.slice(lines.findIndex((line) => /^Examples?:$/.test(line)) + 1);
    expect(examples.some((line) => line.startsWith("  ") && line.includes(name))).toBe(true);
  });

  it.each(commands.slice(1))("of %s has examples that are command lines", (_, command) => {
    const lines = helpOf(command).trimEnd().split("\n");
    const from = lines.findIndex((line) => /^Examples?:$/.test(line)) + 1;
    const examples = lines.slice(from).filter((line) => /^ {2}\S/.test(line));
    const typed = examples.flatMap((example) => linesOf(example.trim()));
    expect(typed.length).toBeGreaterThan(0);
    for (const words of typed) expect([words, parse(words)]).toEqual([words, expect.any(Parsed)]);
  });

  it.each(commands.slice(1))("of %s describes each option", (_, command) => {
    expect(command.description()).not.toBe("");
    expect(command.options.filter((option) => option.description === "").map(({ flags }) => flags)).toEqual(
      [],
    );
  });
});
