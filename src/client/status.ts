/** What the daemon says of itself: its processes, its share of the machine, its queue. */
import type { DaemonReport } from "../../protocol/clientLink.ts";
import type { Connection } from "./connection.ts";
import { unexpectedReply } from "./managerErrors.ts";

/** The manager asks every seat before it answers; one that is silent is left out, so the answer comes in time. */
export async function daemonStatus(connection: Connection): Promise<DaemonReport> {
  const reply = await connection.request({ type: "daemonStatus" });
  if (reply.type !== "daemonReport") throw unexpectedReply("daemonStatus", reply);
  return reply.report;
}
