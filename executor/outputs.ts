/**
 * Whether the outputs that a task promised are there. A pattern is met by one entry: `*` and `?` stand for anything but `/`,
 * `[a-c]` for one of these, `**` for any folders in between; none of them for a dot at the beginning of a name.
 */
import { opendir, stat } from "node:fs/promises";
import type { AttemptPromise } from "./core/events.ts";

/** Entries that are looked at for one attempt: a second on a local disk. Beyond them a pattern is not met. */
const ENTRIES_MAX = 200_000;

/** For a file system that does not answer: what was not found by then is missing. */
const DEADLINE_MS = 30_000;

/** The paths and patterns that nothing meets, in their order. */
export async function missingOutputs({ folder, outputs }: AttemptPromise): Promise<readonly string[]> {
  const search: Search = { entriesLeft: ENTRIES_MAX, isOver: false };
  const unmet = new Set(outputs);
  const look = async (): Promise<void> => {
    for (const output of outputs) {
      if (await isMet(folder, output, search)) unmet.delete(output);
      if (search.isOver) return;
    }
  };
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, DEADLINE_MS);
  });
  await Promise.race([look(), deadline]);
  clearTimeout(timer);
  search.isOver = true;
  return outputs.filter((output) => unmet.has(output));
}

interface Search {
  entriesLeft: number;
  /** Nobody waits for it any more. */
  isOver: boolean;
}

const MAGIC = /[*?[]/;

async function isMet(folder: string, output: string, search: Search): Promise<boolean> {
  // A file whose name looks like a pattern is a file.
  if (await isThere(output.startsWith("/") ? output : `${folder}/${output}`)) return true;
  if (!MAGIC.test(output)) return false;
  const parts = output.split("/").filter((part) => part !== "" && part !== ".");
  return hasMatch(output.startsWith("/") ? "" : folder, parts, output.endsWith("/"), search);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}

async function hasMatch(
  folder: string,
  parts: readonly string[],
  wantsFolder: boolean,
  search: Search,
): Promise<boolean> {
  const [part, ...rest] = parts;
  if (part === undefined) return isThere(wantsFolder ? `${folder}/` : folder);
  if (!MAGIC.test(part)) return hasMatch(`${folder}/${part}`, rest, wantsFolder, search);
  if (part === "**" && (await hasMatch(folder, rest.length === 0 ? ["*"] : rest, wantsFolder, search)))
    return true;
  const matcher = part === "**" ? ANY_FOLDER : matcherOf(part);
  for await (const entry of entriesOf(folder, search)) {
    if (!matcher.test(entry.name)) continue;
    const path = `${folder}/${entry.name}`;
    // `**` goes down into folders, not into what links lead to: those may lead back up.
    const met =
      part === "**"
        ? entry.isFolder && (await hasMatch(path, parts, wantsFolder, search))
        : await hasMatch(path, rest, wantsFolder, search);
    if (met) return true;
  }
  return false;
}

const ANY_FOLDER = /^[^.]/s;

async function* entriesOf(
  folder: string,
  search: Search,
): AsyncGenerator<{ readonly name: string; readonly isFolder: boolean }> {
  try {
    for await (const entry of await opendir(folder === "" ? "/" : folder)) {
      if (search.entriesLeft === 0 || search.isOver) return;
      search.entriesLeft -= 1;
      yield { name: entry.name, isFolder: entry.isDirectory() };
    }
  } catch {
    // It is no folder, or may not be read: nothing in it is there for us.
  }
}

/** For one name. What is no class, such as `[a`, stands for itself. */
function matcherOf(part: string): RegExp {
  let source = part.startsWith(".") ? "" : "(?!\\.)";
  for (let at = 0; at < part.length; at += 1) {
    const char = part[at] ?? "";
    const end = char === "[" ? part.indexOf("]", at + (/^\[[!^]/.test(part.slice(at)) ? 3 : 2)) : -1;
    if (char === "*") source += ".*";
    else if (char === "?") source += ".";
    else if (end > 0) {
      source += classOf(part.slice(at + 1, end));
      at = end;
    } else source += char.replace(/[\\^$.*+?()[\]{}|/]/, "\\$&");
  }
  try {
    return new RegExp(`^${source}$`, "su");
  } catch {
    // A range that runs backwards matches nothing.
    return NOTHING;
  }
}

const NOTHING = /(?!)/;

function classOf(inside: string): string {
  const isInverse = /^[!^]/.test(inside);
  const chars = (isInverse ? inside.slice(1) : inside).replaceAll(/[\\\][^&~]/g, "\\$&");
  return `[${isInverse ? "^" : ""}${chars}]`;
}
