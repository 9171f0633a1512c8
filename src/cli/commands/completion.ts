/** `qrew completion SHELL`: a script for the shell, made of the commands that there are. */
import type { Command } from "commander";
import { assertNever, QrewError } from "../../../protocol/errors.ts";
import { bashScript } from "../completion/bash.ts";
import { fishScript } from "../completion/fish.ts";
import { commandNodes, SHELLS, type Shell } from "../completion/tree.ts";
import { zshScript } from "../completion/zsh.ts";
import type { CommandContext, ExitCode } from "../context.ts";

export async function completion(context: CommandContext, program: Command, name: string): Promise<ExitCode> {
  const shell = SHELLS.find((known) => known === name);
  if (shell === undefined)
    throw new QrewError("usage", `There is a completion for ${SHELLS.join(", ")}, not for "${name}".`);
  await context.terminal.write(scriptOf(shell, program));
  return 0;
}

function scriptOf(shell: Shell, program: Command): string {
  const nodes = commandNodes(program);
  switch (shell) {
    case "bash":
      return bashScript(nodes);
    case "zsh":
      return zshScript(nodes);
    case "fish":
      return fishScript(nodes);
    default:
      return assertNever(shell);
  }
}
