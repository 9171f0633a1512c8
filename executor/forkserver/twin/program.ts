/** What Node would run through a shell: libuv starts commands with execvp(3), which hands plain files to /bin/sh. */
import { accessSync, closeSync, constants, openSync, readSync, statSync } from "node:fs";
import { resolve } from "node:path";

/** As bash looks at it: a file whose beginning has no zero byte is a script. */
const HEAD_BYTES = 128;
const DEFAULT_PATH = "/bin:/usr/bin";

/** Whether the command names a script without an interpreter line. One that is not found is left to the start itself. */
export function needsShell(file: string, cwd: string, searchPath: string | undefined): boolean {
  if (file.includes("/")) return isPlain(resolve(cwd, file));
  for (const folder of (searchPath ?? DEFAULT_PATH).split(":")) {
    const found = resolve(cwd, folder, file);
    if (isExecutable(found)) return isPlain(found);
  }
  return false;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function isPlain(file: string): boolean {
  if (!isExecutable(file)) return false;
  const head = readHead(file);
  return head !== null && !head.includes(0) && head.toString("latin1", 0, 2) !== "#!";
}

/** Null for a program that may be executed but not read. */
function readHead(file: string): Buffer | null {
  try {
    const descriptor = openSync(file, "r");
    try {
      const head = Buffer.alloc(HEAD_BYTES);
      return head.subarray(0, readSync(descriptor, head, 0, HEAD_BYTES, 0));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return null;
  }
}
