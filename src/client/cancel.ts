/** Cancellation: asked here, and done when `follow` says that the job is final, which is when its last process is gone. */
import type { JobSeq } from "../../protocol/ids.ts";
import type { Connection } from "./connection.ts";
import { unexpectedReply } from "./managerErrors.ts";

/**
 * Asks the manager to cancel `jobs`. Resolves with those that were not final yet, when the request is durable. Throws
 * `notFound` when one of them does not exist; then none is cancelled.
 */
export async function cancelJobs(
  connection: Connection,
  jobs: readonly JobSeq[],
): Promise<readonly JobSeq[]> {
  const reply = await connection.request({ type: "cancelJobs", jobs: [...jobs] });
  if (reply.type !== "cancelAccepted") throw unexpectedReply("cancelJobs", reply);
  return reply.jobs;
}
