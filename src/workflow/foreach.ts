/** Task arrays: `foreach` names one axis and its values, a range of integers or a list. */
import { JOB_TASKS_MAX } from "../../protocol/limits.ts";
import { atKey, atValue, type FaultList, type Path } from "./fault.ts";
import { AXIS_NAME } from "./placeholder.ts";
import { describe, type Entries, isEntries, quoted, textOf, unusableText } from "./scalar.ts";

export type Foreach =
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

/** The value of the element of this position (from 0) on the axis. */
export const foreachValue = (foreach: Foreach, position: number): string =>
  foreach.type === "range"
    ? String(foreach.start + position * foreach.step)
    : (foreach.values[position] ?? "");

const FORMS = "write {i: {range: [1, 300]}} or {part: [a, b]}";

/** Null after a fault, which is in the list. */
export function readForeach(value: unknown, path: Path, faults: FaultList): Foreach | null {
  if (!isEntries(value)) {
    faults.add(atValue(path), `foreach must be an object, found ${describe(value)}: ${FORMS}.`);
    return null;
  }
  const axes = Object.keys(value);
  const [axis] = axes;
  if (axis === undefined) {
    faults.add(atValue(path), `foreach is empty: ${FORMS}.`);
    return null;
  }
  if (axes.length > 1) {
    faults.add(
      atValue(path),
      "foreach has several axes, which this version does not support yet: keep one of them.",
    );
    return null;
  }
  const axisPath = [...path, axis];
  if (!AXIS_NAME.test(axis)) {
    faults.add(
      atKey(axisPath),
      `${quoted(axis)} cannot be the name of an axis: use letters, digits and _, and begin with no digit.`,
    );
    return null;
  }
  const given = value[axis];
  if (Array.isArray(given)) return readList(axis, given, axisPath, faults);
  if (isEntries(given)) return readRange(axis, given, axisPath, faults);
  faults.add(
    atValue(axisPath),
    `The values of ${axis} must be a list or a range, found ${describe(given)}: ${FORMS}.`,
  );
  return null;
}

function readList(axis: string, given: readonly unknown[], path: Path, faults: FaultList): Foreach | null {
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

function readRange(axis: string, given: Entries, path: Path, faults: FaultList): Foreach | null {
  const otherKey = Object.keys(given).find((key) => key !== "range");
  if (otherKey !== undefined) {
    faults.add(
      atKey([...path, otherKey]),
      `foreach has no form ${quoted(otherKey)} in this version: ${FORMS}.`,
    );
    return null;
  }
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
