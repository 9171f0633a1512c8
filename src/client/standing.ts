/** Where a job stands with the manager. */
import type { JobStanding } from "../../protocol/clientLink.ts";
import type { JobSeq } from "../../protocol/ids.ts";
import type { Connection } from "./connection.ts";
import { unexpectedReply } from "./managerErrors.ts";

/** Throws `notFound` for a job that never was. */
export async function jobStanding(connection: Connection, job: JobSeq): Promise<JobStanding> {
  const reply = await connection.request({ type: "explainJob", job });
  if (reply.type !== "jobStanding") throw unexpectedReply("explainJob", reply);
  return reply.standing;
}
