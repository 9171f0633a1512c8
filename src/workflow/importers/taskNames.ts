/** Names for tasks that come from names of files or of recorded tasks: legal, and each used once. */
import { mayHavePlaceholders } from "../placeholder.ts";
import { TASK_NAME_LENGTH_MAX } from "../taskName.ts";

/** Room for the number that makes a name unique. */
const STEM_LENGTH_MAX = TASK_NAME_LENGTH_MAX - 16;

const UNUSABLE = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

export class TaskNames {
  readonly #taken = new Set<string>();

  /** The wanted name, changed as little as is needed. */
  take(wanted: string): string {
    const stem = legal(wanted);
    let name = stem;
    for (let number = 2; this.#taken.has(name); number += 1) name = `${stem}-${number}`;
    this.#taken.add(name);
    return name;
  }
}

function legal(wanted: string): string {
  let name = wanted.replace(UNUSABLE, "_").trim();
  if (name.length > STEM_LENGTH_MAX)
    name = name
      .slice(0, STEM_LENGTH_MAX)
      .replace(/[\ud800-\udbff]$/, "")
      .trim();
  if (mayHavePlaceholders(name)) name = name.replaceAll("{{", "{_{");
  if (/\[\d+\]$/.test(name)) name = `${name}_`;
  return name === "" ? "task" : name;
}
