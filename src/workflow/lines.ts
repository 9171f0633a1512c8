/** `{lines: PATH}` of foreach: an element for each line of a file that is not empty. */
import { isUtf8 } from "node:buffer";
import { JOB_TASKS_MAX } from "../../protocol/limits.ts";
import { atValue, type FaultList, type Path } from "./fault.ts";
import type { JobFiles } from "./importers/importing.ts";
import { describe, quoted } from "./scalar.ts";

/** Ten million paths of 25 bytes; it is read whole. */
const LINES_BYTES_MAX = 256 * 1024 * 1024;

/** The lines, without their ends; null after a fault, which is in the list. */
export function readLines(
  axis: string,
  file: unknown,
  path: Path,
  files: JobFiles | null,
  faults: FaultList,
): readonly string[] | null {
  const fault = (message: string): null => {
    faults.add(atValue(path), message);
    return null;
  };
  if (typeof file !== "string" || file === "") {
    return fault(
      `lines must be the path of a file with a value of ${axis} on each line, found ${describe(file)}.`,
    );
  }
  if (files === null)
    return fault(
      `The file ${quoted(file)} cannot be looked at here: submit the workflow, or list its lines.`,
    );
  const bytes = files.read(file, LINES_BYTES_MAX);
  if (bytes === null) {
    return fault(
      files.exists(file)
        ? `${quoted(file)} cannot be read as a file of at most ${LINES_BYTES_MAX} bytes: check its kind and permissions.`
        : `There is no file ${quoted(file)} in the folder in which the job runs: correct the path, or make it first.`,
    );
  }
  if (!isUtf8(bytes)) return fault(`${quoted(file)} is no UTF-8 text: save it as UTF-8.`);
  const nul = bytes.indexOf(0);
  if (nul >= 0) return fault(`${quoted(file)} is no text, it has a NUL byte at offset ${nul}.`);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  const lines = text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .filter((line) => line !== "");
  if (lines.length === 0) return fault(`${quoted(file)} has no lines: the array would be empty.`);
  if (lines.length > JOB_TASKS_MAX) {
    return fault(
      `${quoted(file)} has ${lines.length} lines, a job has at most ${JOB_TASKS_MAX} tasks: split it.`,
    );
  }
  return lines;
}
