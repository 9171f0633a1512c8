/** Where the program is that stands for the tasks of a recorded workflow. */
import { accessSync, constants } from "node:fs";
import { fileURLToPath } from "node:url";

/** The C program beside the compiled file or in the `dist` of the clone, else the script that Node runs. Absolute paths. */
export function replayCommand(): readonly string[] {
  known ??= findCommand();
  return known;
}

/** Where it is does not change while this process lives. */
let known: readonly string[] | null = null;

function findCommand(): readonly string[] {
  const candidates = ["./replay", "../../../dist/src/workflow/replay/replay"];
  const program = candidates.map((name) => fileURLToPath(new URL(name, import.meta.url))).find(isExecutable);
  if (program !== undefined) return [program];
  return [process.execPath, fileURLToPath(new URL("./replay.mjs", import.meta.url))];
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
