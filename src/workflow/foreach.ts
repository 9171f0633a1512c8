/**
 * Task arrays: `foreach` names variables and their values, a range of integers, a list, or the lines of a file. Several of them
 * are multiplied: the last one changes fastest, as the digits of a number do.
 */
import { JOB_TASKS_MAX } from "../../protocol/limits.ts";
import { atKey, atValue, type FaultList, type Path } from "./fault.ts";
import { didYouMean } from "./nearest.ts";
import { readLines } from "./lines.ts";
import type { JobFiles } from "./importers/importing.ts";
import { AXIS_NAME, type Filling } from "./placeholder.ts";
import { describe, type Entries, isEntries, quoted, textOf, unusableText } from "./scalar.ts";

export interface Foreach {
  readonly type: "axes";
  /** At least one, in the order of the document. */
  readonly axes: readonly ForeachAxis[];
  /** Elements of the array: the counts of the axes multiplied. */
  readonly count: number;
}

export type ForeachAxis =
  | {
      readonly type: "range";
      readonly axis: string;
      readonly start: number;
      readonly step: number;
      readonly count: number;
    }
  | {
      readonly type: "list";
      readonly axis: string;
      readonly values: readonly string[];
      readonly count: number;
    };

/** What fills the placeholders of the element of this position (from 0). */
export function fillingAt({ axes }: Foreach, position: number): Filling {
  let left = position;
  return axes
    .toReversed()
    .map((axis) => {
      const at = left % axis.count;
      left = Math.floor(left / axis.count);
      return { axis: axis.axis, value: axisValue(axis, at) };
    })
    .toReversed();
}

const axisValue = (axis: ForeachAxis, position: number): string =>
  axis.type === "range" ? String(axis.start + position * axis.step) : (axis.values[position] ?? "");

const FORMS = "write {i: {range: [1, 300]}}, {part: [a, b]} or {file: {lines: list.txt}}";

/** More would make each placeholder slow to fill, and nobody could tell the elements apart. */
const AXES_MAX = 16;

/** `files` are those of the folder in which the job runs; null if nothing is known of them. Null after a fault, which is in the list. */
export function readForeach(
  value: unknown,
  path: Path,
  files: JobFiles | null,
  faults: FaultList,
): Foreach | null {
  if (!isEntries(value)) {
    faults.add(atValue(path), `foreach must be an object, found ${describe(value)}: ${FORMS}.`);
    return null;
  }
  const names = Object.keys(value);
  if (names.length === 0) {
    faults.add(atValue(path), `foreach is empty: ${FORMS}.`);
    return null;
  }
  if (names.length > AXES_MAX) {
    faults.add(
      atValue(path),
      `foreach has ${names.length} variables, at most ${AXES_MAX} are multiplied: join some.`,
    );
    return null;
  }
  const axes = names.map((name) => readAxis(name, value[name], [...path, name], files, faults));
  const read = axes.filter((axis) => axis !== null);
  if (read.length < axes.length) return null;
  const count = read.reduce((product, axis) => product * axis.count, 1);
  if (count > JOB_TASKS_MAX) return refuseTooLarge(count, path, faults);
  return { type: "axes", axes: read, count };
}

function readAxis(
  axis: string,
  given: unknown,
  path: Path,
  files: JobFiles | null,
  faults: FaultList,
): ForeachAxis | null {
  if (!AXIS_NAME.test(axis)) {
    faults.add(
      atKey(path),
      `${quoted(axis)} cannot be the name of a variable: use letters, digits and _, and begin with no digit.`,
    );
    return null;
  }
  if (Array.isArray(given)) return readList(axis, given, path, faults);
  if (!isEntries(given)) {
    faults.add(
      atValue(path),
      `The values of ${axis} must be a list, a range or the lines of a file, found ${describe(given)}: ${FORMS}.`,
    );
    return null;
  }
  const [form, other] = Object.keys(given);
  if (form === "range" && other === undefined) return readRange(axis, given, path, faults);
  if (form === "lines" && other === undefined) {
    const values = readLines(axis, given["lines"], [...path, "lines"], files, faults);
    return values === null ? null : { type: "list", axis, values, count: values.length };
  }
  const wrong = form === "range" || form === "lines" ? other : form;
  if (wrong === undefined) faults.add(atValue(path), `The values of ${axis} are empty: ${FORMS}.`);
  else {
    const guess = didYouMean(wrong, ["range", "lines"]);
    faults.add(
      atKey([...path, wrong]),
      guess === ""
        ? `foreach has no form ${quoted(wrong)}: ${FORMS}.`
        : `foreach has no form ${quoted(wrong)}.${guess}`,
    );
  }
  return null;
}

function readList(
  axis: string,
  given: readonly unknown[],
  path: Path,
  faults: FaultList,
): ForeachAxis | null {
  if (given.length === 0) {
    faults.add(atValue(path), `The list of values of ${axis} is empty: give at least one value.`);
    return null;
  }
  if (given.length > JOB_TASKS_MAX) return refuseTooLarge(given.length, path, faults);
  const values: string[] = [];
  for (const [index, item] of given.entries()) {
    const text = textOf(item);
    const unusable = text === null ? null : unusableText(text);
    if (text === null) {
      faults.add(
        () => atValue([...path, index]),
        () => `A value of ${axis} must be text or a number, found ${describe(item)}: put it in quotes.`,
      );
    } else if (unusable !== null) {
      faults.add(
        () => atValue([...path, index]),
        () => `A value of ${axis} ${unusable}: take it out.`,
      );
    }
    values.push(text ?? "");
  }
  return { type: "list", axis, values, count: values.length };
}

function readRange(axis: string, given: Entries, path: Path, faults: FaultList): ForeachAxis | null {
  const range = given["range"];
  const rangePath = [...path, "range"];
  const isPair = Array.isArray(range) && (range.length === 2 || range.length === 3);
  if (!isPair || !range.every((bound) => Number.isSafeInteger(bound))) {
    faults.add(
      atValue(rangePath),
      `range must be [first, last] or [first, last, step], all whole numbers, found ${describe(range)}.`,
    );
    return null;
  }
  const [first, last, step] = [Number(range[0]), Number(range[1]), Number(range[2] ?? 1)];
  if (step === 0) {
    faults.add(atValue([...rangePath, 2]), "The step of a range cannot be 0: leave it out for 1.");
    return null;
  }
  const count = Math.floor((last - first) / step) + 1;
  if (count < 1) {
    const advice = step > 0 ? `write [${last}, ${first}], or give a negative step` : "give a positive step";
    faults.add(
      atValue(rangePath),
      `The range runs backwards, from ${first} to ${last} in steps of ${step}: ${advice}.`,
    );
    return null;
  }
  if (count > JOB_TASKS_MAX) return refuseTooLarge(count, rangePath, faults);
  return { type: "range", axis, start: first, step, count };
}

function refuseTooLarge(count: number, path: Path, faults: FaultList): null {
  faults.add(
    atValue(path),
    `The array would have ${count} elements, a job has at most ${JOB_TASKS_MAX} tasks: split it into several workflows.`,
  );
  return null;
}
