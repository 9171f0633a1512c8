/**
 * What a command on the command line becomes: one task, or an array with a task for each combination of arguments.
 *
 * Several words are executed as they are, without a shell. One word that is more than a name is text for `/bin/sh`, into which
 * arguments are put quoted. Without a command each argument is one itself. An array of the document has one value for
 * each element: where the words of a command need several (`{}` and `{.}`), it is the whole command line, quoted, and a
 * shell takes it apart again.
 */
import { QrewError } from "../../../protocol/errors.ts";
import { escapePlaceholders } from "../../workflow/placeholder.ts";
import { isPlainWord, shellWord } from "../shellWord.ts";
import {
  fillShellText,
  fillWord,
  hasPlaceholder,
  type Inputs,
  parseTemplate,
  type Template,
} from "./template.ts";

export type CommandBody = string | readonly string[];

/** The body of the array's definition, and what each element puts in at `{{arg}}`. */
export interface ArrayCommand {
  readonly body: CommandBody;
  readonly valueOf: (inputs: Inputs) => string;
}

const AXIS = "{{arg}}";

const usage = (message: string): QrewError => new QrewError("usage", message);

/** Without lists of arguments. Braces stay as they are. */
export function singleCommand(words: readonly string[]): CommandBody {
  const [first, second] = words;
  if (first === undefined || first === "")
    throw usage("The command is empty: write it after --, as in `qrew run -- make -C src`.");
  if (second === undefined && !isPlainWord(first)) return escapePlaceholders(first);
  checkOperators(words);
  return words.map(escapePlaceholders);
}

/** With `lists` lists of arguments, at least one. */
export function arrayCommand(words: readonly string[], lists: number): ArrayCommand {
  if (words.length === 0) return argumentsAsCommands(lists);
  const templates = withArgument(
    words.map((word) => parseTemplate(word, lists)),
    lists,
  );
  const [only, second] = templates;
  if (words.length === 1 && only !== undefined && !isPlainTemplate(only)) {
    const text = second === undefined ? only : [...only, { type: "text", text: " " } as const, ...second];
    return { body: AXIS, valueOf: (inputs) => fillShellText(text, inputs) };
  }
  checkOperators(words);
  return oneValueEach(templates, lists) ?? quotedEach(templates);
}

function argumentsAsCommands(lists: number): ArrayCommand {
  if (lists === 1) return { body: AXIS, valueOf: ({ values }) => values[0] ?? "" };
  throw usage("There is no command, and more than one list of arguments: write the command after --.");
}

/** What has no placeholder gets the argument at its end. */
function withArgument(templates: readonly Template[], lists: number): readonly Template[] {
  return templates.some(hasPlaceholder) ? templates : [...templates, parseTemplate("{}", lists)];
}

const isPlainTemplate = (template: Template): boolean =>
  template.every((piece) => piece.type !== "text" || isPlainWord(piece.text));

/** All placeholders are the same one: its text is the value, and the words stay words. Null where they differ. */
function oneValueEach(templates: readonly Template[], lists: number): ArrayCommand | null {
  const used = templates.flat().filter(({ type }) => type !== "text");
  const [first] = used;
  if (first === undefined || used.some((piece) => JSON.stringify(piece) !== JSON.stringify(first)))
    return null;
  // It may stand for several words.
  if (first.type === "argument" && first.list === null && lists > 1) return null;
  const body = templates.map((template) =>
    template.map((piece) => (piece.type === "text" ? escapePlaceholders(piece.text) : AXIS)).join(""),
  );
  return { body, valueOf: (inputs) => fillWord([first], inputs).join(" ") };
}

function quotedEach(templates: readonly Template[]): ArrayCommand {
  return {
    body: AXIS,
    // The shell gives way to the program: what is stopped and counted is that.
    valueOf: (inputs) =>
      `exec ${templates
        .flatMap((template) => fillWord(template, inputs))
        .map(shellWord)
        .join(" ")}`,
  };
}

const OPERATORS: ReadonlySet<string> = new Set([..."| || & && ; > >> < << 2> 2>> 2>&1 &> |&".split(" ")]);

/** In GNU parallel these go to a shell; here they would be arguments of the program, which nobody wants. */
function checkOperators(words: readonly string[]): void {
  const operator = words.find((word) => OPERATORS.has(word));
  if (operator === undefined) return;
  throw usage(
    `"${operator}" would be an argument of ${words[0]}, as no shell reads the words: put the whole command in one pair of quotes, as in 'sort {} > {.}.sorted'.`,
  );
}
