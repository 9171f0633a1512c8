/** Cancels the job that this command has submitted, for an interrupt. */
import { QrewError } from "../../protocol/errors.ts";
import type { JobSeq } from "../../protocol/ids.ts";
import { cancelJobs } from "../client/cancel.ts";
import type { DaemonLink } from "../client/link.ts";
import type { CommandContext } from "./context.ts";

/** Managers asked in a row: one that dies before it answers is replaced, and the next may not know of the request. */
const CANCEL_TRIES_MAX = 3;

/** Resolves with true when the request is accepted. Never throws: what went wrong is told to `say`. */
export async function requestCancel(
  link: DaemonLink,
  job: JobSeq,
  say: (text: string) => void,
): Promise<boolean> {
  for (let tries = 1; ; tries += 1) {
    try {
      await cancelJobs(await link.reach(), [job]);
      return true;
    } catch (thrown) {
      const error = QrewError.from(thrown);
      // This command has left meanwhile.
      if (error.code === "interrupted") return false;
      if (error.code === "unreachable" && tries < CANCEL_TRIES_MAX) continue;
      say(`job ${job} could not be cancelled: ${error.message}`);
      return false;
    }
  }
}

/** For commands that do not follow: names the job, and does not wait for its end. */
export async function cancelSubmitted(context: CommandContext, link: DaemonLink, job: JobSeq): Promise<void> {
  const note = (text: string): void => context.terminal.note(`qrew: ${text}`);
  const offSignal = context.onSignal(() => {
    note(`leaving before job ${job} is cancelled: see \`qrew show ${job}\``);
    link.close();
  });
  const isAccepted = await requestCancel(link, job, note);
  offSignal();
  if (isAccepted) note(`job ${job} was accepted before the interrupt, and is being cancelled`);
}
