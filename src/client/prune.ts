/** Deletion of jobs that have ended. */
import type { JobSeq } from "../../protocol/ids.ts";
import type { Connection } from "./connection.ts";
import { unexpectedReply } from "./managerErrors.ts";

/** As many as one request names. */
const JOBS_PER_REQUEST = 1000;

/**
 * Deletes jobs with all their records and outputs, with `folders` also the folders made by `--fresh-dir`. Resolves with those that were
 * deleted, when that is durable; their space is freed soon after. Jobs that have not ended are passed over.
 */
export async function pruneJobs(
  connection: Connection,
  jobs: readonly JobSeq[],
  folders: boolean,
): Promise<readonly JobSeq[]> {
  const pruned: JobSeq[] = [];
  for (let first = 0; first < jobs.length; first += JOBS_PER_REQUEST) {
    const some = jobs.slice(first, first + JOBS_PER_REQUEST);
    const reply = await connection.request({ type: "pruneJobs", jobs: some, folders });
    if (reply.type !== "jobsPruned") throw unexpectedReply("pruneJobs", reply);
    pruned.push(...reply.jobs);
  }
  return pruned;
}
