/**
 * Files that a command calls by another name. It runs in a folder of its own, in which its inputs are linked and from
 * which its outputs are moved, both under the names that the workflow has for them.
 */
import { isRenamed, type Rule, type RuleFile } from "./rule.ts";

export const needsSandbox = (rule: Rule): boolean =>
  rule.inputs.some(isRenamed) || rule.outputs.some(isRenamed);

/** A script for `/bin/sh` that ends as the command does, or with 1 if an output is missing. */
export function sandboxCommand(rule: Rule, command: string): string {
  const lines = [
    "q=$(mktemp -d ./.makeflow.XXXXXX) || exit 1",
    "trap 'rm -rf \"$q\"' EXIT",
    "trap 'exit 143' TERM",
  ];
  for (const file of rule.inputs) {
    if (file.taskName.startsWith("/")) continue;
    lines.push(...folderFor(file.taskName));
    lines.push(`ln -s ${absolute(file.name)} "$q"/${quote(file.taskName)} || exit 1`);
  }
  for (const file of rule.outputs)
    if (!file.taskName.startsWith("/")) lines.push(...folderFor(file.taskName));
  lines.push(`(cd "$q" && exec /bin/sh -c ${quote(command)}) || exit`);
  for (const file of rule.outputs) lines.push(...fetched(file));
  return lines.join("\n");
}

function fetched(file: RuleFile): readonly string[] {
  if (file.taskName.startsWith("/")) return [];
  return [`mv -f "$q"/${quote(file.taskName)} ${operand(file.name)} || exit 1`];
}

function folderFor(name: string): readonly string[] {
  const slash = name.lastIndexOf("/");
  return slash < 0 ? [] : [`mkdir -p "$q"/${quote(name.slice(0, slash))} || exit 1`];
}

const absolute = (name: string): string => (name.startsWith("/") ? quote(name) : `"$PWD"/${quote(name)}`);
const operand = (name: string): string => (name.startsWith("/") ? quote(name) : `./${quote(name)}`);
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
