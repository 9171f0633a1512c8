/** The next round of a job that has ended. */
import type { ImportSettings } from "../../protocol/clientLink.ts";
import type { JobSeq } from "../../protocol/ids.ts";
import type { Reach } from "./follow.ts";
import { unexpectedReply } from "./managerErrors.ts";
import { type AcceptedJob, type DocumentBytes, submitDocument } from "./submit.ts";

export interface CorrectedDocument {
  readonly document: DocumentBytes;
  readonly source: string;
  readonly import: ImportSettings;
}

/**
 * Runs again what did not succeed, and what depends on it; with a corrected document also what that has changed. Resolves when the round
 * is durable. Throws `refused` for a job that has not ended, or has nothing to run again.
 */
export async function retryJob(
  reach: Reach,
  job: JobSeq,
  corrected: CorrectedDocument | null,
): Promise<AcceptedJob> {
  if (corrected !== null) {
    const { document, source } = corrected;
    const unheeded = { name: null, directory: { type: "fresh" }, env: {}, umask: 0o22, priority: 0 } as const;
    const options = { ...unheeded, source, import: corrected.import, retries: job };
    return submitDocument(reach, { document, options });
  }
  const connection = await reach();
  const reply = await connection.request({ type: "retryJob", job });
  if (reply.type !== "jobAccepted") throw unexpectedReply("retryJob", reply);
  return { job: reply.job, tasks: reply.tasks, repeated: false };
}
