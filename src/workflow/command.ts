/** The command of a shell task: text for `/bin/sh -c`, or a list that is executed as it is. */
import { atValue, type FaultList } from "./fault.ts";
import type { Field } from "./field.ts";
import { describe, textOf, unusableText } from "./scalar.ts";

/** Linux gives a process no single argument beyond 128 KiB, its zero byte included. */
export const ARGUMENT_BYTES_MAX = 128 * 1024 - 1;

/** Arguments and environment of a process share 2 MiB; this leaves half of it to the environment. */
export const ARGUMENTS_BYTES_MAX = 1024 * 1024;

/** Null after a fault, which is in the list. */
export function readCommand(field: Field, faults: FaultList): string | readonly string[] | null {
  const { value } = field;
  if (typeof value === "string") {
    const problem = value.trim() === "" ? "is empty: say what to run" : unusableArgument(value);
    if (problem === null) return value;
    field.blame(faults, () => `The command ${problem}.`);
    return null;
  }
  if (!Array.isArray(value)) {
    field.blame(
      faults,
      () =>
        `command must be text for the shell, or a list of a program and its arguments, found ${describe(value)}.`,
    );
    return null;
  }
  return readArguments(field, value, faults);
}

function readArguments(field: Field, list: readonly unknown[], faults: FaultList): readonly string[] | null {
  if (list.length === 0 || list[0] === "") {
    field.blame(faults, () => "The command is empty: the first of the list must be the program to run.");
    return null;
  }
  const texts: string[] = [];
  let bytes = 0;
  let usable = true;
  for (const [index, item] of list.entries()) {
    const text = textOf(item);
    const problem =
      text === null
        ? `must be text or a number, found ${describe(item)}: put it in quotes`
        : unusableArgument(text);
    if (problem !== null) {
      usable = false;
      faults.add(
        () => atValue([...field.path, index]),
        () => `Argument ${index} of the command ${problem}.`,
      );
    }
    texts.push(text ?? "");
    bytes += Buffer.byteLength(text ?? "") + 1;
  }
  if (bytes > ARGUMENTS_BYTES_MAX) {
    field.blame(
      faults,
      () =>
        `The arguments have ${bytes} bytes, a process gets at most ${ARGUMENTS_BYTES_MAX}: put them into a file.`,
    );
    return null;
  }
  return usable ? texts : null;
}

function unusableArgument(text: string): string | null {
  const unusable = unusableText(text);
  if (unusable !== null) return `${unusable}: take it out`;
  if (text.length * 3 <= ARGUMENT_BYTES_MAX || Buffer.byteLength(text) <= ARGUMENT_BYTES_MAX) return null;
  return `has more than ${ARGUMENT_BYTES_MAX} bytes, which Linux refuses: put it into a script file`;
}
