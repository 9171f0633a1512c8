/** `qrew resume JOB…`: paused jobs go on, also what was suspended. */
import type { CommandContext, ExitCode } from "../context.ts";
import { changePause, type PauseOutputFlags } from "../pausing.ts";
import { titleOf } from "../view/plainView.ts";

export function resume(
  context: CommandContext,
  jobTexts: readonly string[],
  flags: PauseOutputFlags,
): Promise<ExitCode> {
  return changePause(context, jobTexts, "off", flags, (job) => `${titleOf(job)} goes on`);
}
