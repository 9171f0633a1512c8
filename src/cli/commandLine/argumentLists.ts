/**
 * What a command is run for: the words after `:::`, and the lines of files. Words are at hand; lines are read as they are
 * needed, so that a list of any length may come through a pipe.
 */
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { QrewError } from "../../../protocol/errors.ts";
import { ARGUMENT_BYTES_MAX } from "../../workflow/command.ts";

export type ArgumentList =
  | { readonly type: "words"; readonly words: readonly string[] }
  /** `-` is stdin. */
  | { readonly type: "lines"; readonly file: string };

/** Ends each argument of a file: a line, or NUL for names that may have line breaks (`find -print0`). */
export type Separator = "\n" | "\0";

const usage = (message: string): QrewError => new QrewError("usage", message);

export interface SplitCommand {
  readonly words: readonly string[];
  readonly lists: readonly ArgumentList[];
}

const MARK = /^:::(:|\+|:\+)?$/;

/** Takes the words after `--` apart: the command, then lists that begin with `:::` (words) or `::::` (files). */
export function splitCommand(all: readonly string[]): SplitCommand {
  const starts = all.flatMap((word, index) => (MARK.test(word) ? [index] : []));
  const lists = starts.flatMap((start, place) =>
    listsAfter(all[start] ?? "", all.slice(start + 1, starts[place + 1])),
  );
  return { words: all.slice(0, starts[0]), lists };
}

function listsAfter(mark: string, words: readonly string[]): readonly ArgumentList[] {
  if (mark.endsWith("+")) {
    throw usage(
      `${mark} does not exist here: write each pair as a line of a file, and take it apart in a script.`,
    );
  }
  if (words.length === 0) {
    throw usage(
      `No argument follows \`${mark}\`: name at least one (a pattern that matches no file leaves none).`,
    );
  }
  return mark === ":::" ? [{ type: "words", words }] : words.map((file) => ({ type: "lines", file }));
}

/** The arguments of a list, in order. Throws `notFound` and `usage` for a file that cannot be read, or holds what is no argument. */
export async function* argumentsOf(
  list: ArgumentList,
  stdin: Readable,
  separator: Separator,
): AsyncGenerator<string> {
  if (list.type === "words") {
    for (const word of list.words) yield checkedWord(word);
    return;
  }
  const { file } = list;
  const source = file === "-" ? stdin : createReadStream(file, { highWaterMark: 256 * 1024 });
  try {
    yield* linesOf(source, file === "-" ? "stdin" : file, separator);
  } catch (error) {
    if (error instanceof QrewError) throw error;
    throw unreadable(file, error);
  }
}

/** Node replaces what is no UTF-8 on a command line; a file of that name would not be found. */
function checkedWord(word: string): string {
  if (!word.includes("\ufffd")) return word;
  throw usage(`The argument ${JSON.stringify(word)} is not UTF-8: rename the file first.`);
}

async function* linesOf(source: Readable, name: string, separator: Separator): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  let number = 0;
  for await (const piece of source) {
    const text = rest + decoded(decoder, piece, name, number);
    const lines = text.split(separator);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      number += 1;
      const argument = checkedLine(line, name, number, separator);
      if (argument !== "") yield argument;
    }
    if (rest.length > ARGUMENT_BYTES_MAX) throw tooLong(name, number + 1);
  }
  const last = checkedLine(rest, name, number + 1, separator);
  if (last !== "") yield last;
}

function decoded(
  decoder: InstanceType<typeof TextDecoder>,
  piece: unknown,
  name: string,
  lines: number,
): string {
  if (!(piece instanceof Uint8Array)) return "";
  try {
    return decoder.decode(piece, { stream: true });
  } catch {
    throw usage(`${name} is not UTF-8 somewhere after line ${lines}: convert it first.`);
  }
}

function checkedLine(line: string, name: string, number: number, separator: Separator): string {
  if (line.length > ARGUMENT_BYTES_MAX) throw tooLong(name, number);
  const argument = separator === "\n" ? line.replace(/\r$/, "") : line;
  if (!argument.includes("\0")) return argument;
  throw usage(
    `Line ${number} of ${name} has a NUL character: if the list comes from find -print0, add --null.`,
  );
}

const tooLong = (name: string, number: number): QrewError =>
  usage(
    `Line ${number} of ${name} is longer than ${ARGUMENT_BYTES_MAX} bytes, which no command can be given.`,
  );

function unreadable(file: string, error: unknown): QrewError {
  const code = error instanceof Error && "code" in error ? error.code : null;
  if (code === "ENOENT")
    return new QrewError("notFound", `There is no file ${file}: name a list of arguments, or - for stdin.`);
  const why = error instanceof Error ? error.message : String(error);
  return usage(`${file} cannot be read (${why}): name a list of arguments, one in each line.`);
}
