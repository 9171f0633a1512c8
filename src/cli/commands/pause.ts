/** `qrew pause JOB…`: nothing new of the jobs starts; what runs goes on, or with `--stop` stands still. */
import type { JobView } from "../../client/jobView.ts";
import type { CommandContext, ExitCode } from "../context.ts";
import { changePause, type PauseOutputFlags } from "../pausing.ts";
import { titleOf } from "../view/plainView.ts";
import { plural } from "../view/text.ts";

export interface PauseFlags extends PauseOutputFlags {
  readonly stop?: boolean;
}

export function pause(
  context: CommandContext,
  jobTexts: readonly string[],
  flags: PauseFlags,
): Promise<ExitCode> {
  const isStopped = flags.stop === true;
  return changePause(context, jobTexts, isStopped ? "stop" : "hold", flags, (job) =>
    pausedText(job, isStopped),
  );
}

function pausedText(job: JobView, isStopped: boolean): string {
  const { running } = job.tasks;
  const what = isStopped ? "suspended" : "going on to the end";
  const rest = running === 0 ? "" : `, ${plural(running, "running task")} ${what}`;
  return `${titleOf(job)} is paused${rest}; to go on: qrew resume ${job.job}`;
}
