/** Pausing and resuming. */
import type { PauseMode } from "../../protocol/fields.ts";
import type { JobSeq } from "../../protocol/ids.ts";
import type { Connection } from "./connection.ts";
import { unexpectedReply } from "./managerErrors.ts";

/**
 * Asks the manager to pause `jobs`, or with `off` to resume them. Resolves with those that have neither ended nor been cancelled,
 * when the request is durable. Throws `notFound` when one of them does not exist; then nothing is changed.
 */
export async function pauseJobs(
  connection: Connection,
  jobs: readonly JobSeq[],
  pause: PauseMode,
): Promise<readonly JobSeq[]> {
  const reply = await connection.request({ type: "pauseJobs", jobs: [...jobs], pause });
  if (reply.type !== "pauseAccepted") throw unexpectedReply("pauseJobs", reply);
  return reply.jobs;
}
