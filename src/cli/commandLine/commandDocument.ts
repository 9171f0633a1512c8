/** The workflow document of a command: written piece by piece, so that a million arguments pass through. */
import type { Readable } from "node:stream";
import { QrewError } from "../../../protocol/errors.ts";
import type { DocumentBytes } from "../../client/submit.ts";
import { type ArgumentList, argumentsOf, type Separator } from "./argumentLists.ts";
import { arrayCommand, singleCommand } from "./commandTasks.ts";
import type { Inputs } from "./template.ts";

/** What the options say; left out where nothing is said. */
export interface CommandSettings {
  readonly job: { readonly name: string; readonly maxRunning?: number };
  readonly task: TaskSettings;
}

/** Of each task. */
interface TaskSettings {
  readonly resources?: Readonly<Record<string, number | string>>;
  readonly retry?: number;
  readonly timeout?: string;
}

export interface CommandLine {
  readonly words: readonly string[];
  readonly lists: readonly ArgumentList[];
  readonly separator: Separator;
  readonly stdin: Readable;
}

/** Written at once: small enough for many, large enough not to cost a turn for each argument. */
const PIECE_CHARACTERS = 64 * 1024;

/** Of the lists but the first, which are read again and again and so are held. */
const HELD_ARGUMENTS_MAX = 1_000_000;

export async function commandDocument(
  line: CommandLine,
  { job, task: settings }: CommandSettings,
): Promise<DocumentBytes> {
  const { name } = job;
  if (line.lists.length === 0) {
    const task = { name, command: singleCommand(line.words), ...settings };
    return Buffer.from(JSON.stringify({ ...job, tasks: [task] }));
  }
  const command = arrayCommand(line.words, line.lists.length);
  // The first is looked at here, so that an empty or missing list is told before a daemon is started.
  const inputs = inputsOf(line);
  const first = await inputs.next();
  if (first.done === true)
    throw new QrewError(
      "usage",
      "There is nothing to run, as the list is empty: put at least one argument into it.",
    );
  return arrayPieces(
    job,
    { name, command: command.body, ...settings },
    valuesOf(first.value, inputs, command.valueOf),
  );
}

async function* valuesOf(
  first: Inputs,
  rest: AsyncIterable<Inputs>,
  valueOf: (inputs: Inputs) => string,
): AsyncGenerator<string> {
  yield valueOf(first);
  for await (const inputs of rest) yield valueOf(inputs);
}

async function* arrayPieces(
  job: object,
  task: object,
  values: AsyncIterable<string>,
): AsyncGenerator<Uint8Array> {
  const head = JSON.stringify({ ...job, tasks: [{ ...task, foreach: { arg: [] } }] });
  const end = "]}}]}";
  let text = head.slice(0, -end.length);
  let separator = "";
  for await (const value of values) {
    text += separator + JSON.stringify(value);
    separator = ",";
    if (text.length < PIECE_CHARACTERS) continue;
    yield Buffer.from(text);
    text = "";
  }
  yield Buffer.from(text + end);
}

/** All combinations; the first list turns slowest. */
async function* inputsOf({ lists, stdin, separator }: CommandLine): AsyncGenerator<Inputs> {
  const [slowest, ...others] = lists;
  if (slowest === undefined) return;
  const held = await Promise.all(others.map((list) => heldArguments(list, stdin, separator)));
  const combinations = product(held);
  let number = 0;
  for await (const value of argumentsOf(slowest, stdin, separator)) {
    for (const rest of combinations) {
      number += 1;
      yield { number, values: [value, ...rest] };
    }
  }
}

async function heldArguments(
  list: ArgumentList,
  stdin: Readable,
  separator: Separator,
): Promise<readonly string[]> {
  const held: string[] = [];
  for await (const argument of argumentsOf(list, stdin, separator)) {
    if (held.length >= HELD_ARGUMENTS_MAX) throw tooMany();
    held.push(argument);
  }
  return held;
}

/** Held as well: the last of them turns fastest. */
function product(lists: readonly (readonly string[])[]): readonly (readonly string[])[] {
  let combinations: readonly (readonly string[])[] = [[]];
  for (const list of lists) {
    if (combinations.length * list.length > HELD_ARGUMENTS_MAX) throw tooMany();
    combinations = combinations.flatMap((before) => list.map((value) => [...before, value]));
  }
  return combinations;
}

const tooMany = (): QrewError =>
  new QrewError(
    "refused",
    `The lists after the first have more than ${HELD_ARGUMENTS_MAX} combinations: name the longest list first.`,
  );
