/** What a TaskExecutor uses of the forkserver: find the one that serves a socket, or start one. */
import { QrewError } from "../../protocol/errors.ts";
import type { ForkserverFlavour, ForkserverReportFact } from "../../protocol/forkserverLink.ts";
import { connectForkserver, type ForkserverClient } from "./connection.ts";
import { type ForkserverTarget, startForkserver } from "./start.ts";

export type { ForkserverClient } from "./connection.ts";
export { type ForkserverTarget, findForkserverProgram } from "./start.ts";

/** A report is answered at once; a forkserver that hangs in the kernel never does. */
const REPORT_TIMEOUT_MS = 10_000;

/** Takes control of the forkserver at the socket. Null if nobody listens there; throws if it does not answer or refuses. */
export async function connectExisting(socketPath: string): Promise<ForkserverClient | null> {
  try {
    return await connectForkserver(socketPath, true);
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}

/** Takes control of the forkserver at the socket, and starts one if there is none. Throws `unreachable`, `otherVersion`. */
export async function openForkserver(target: ForkserverTarget): Promise<ForkserverClient> {
  const existing = await connectExisting(target.socketPath);
  if (existing !== null) return existing;
  try {
    await startForkserver(target);
  } catch (error) {
    // Somebody else may have started one at the same time: then ours was refused, and that one serves us as well.
    const other = await connectExisting(target.socketPath);
    if (other !== null) return other;
    throw error;
  }
  return connectForkserver(target.socketPath, true);
}

export interface ForkserverProbe {
  readonly pid: number;
  readonly flavour: ForkserverFlavour;
  readonly report: ForkserverReportFact;
}

/** Asks without taking control. Null if nobody listens; throws `unreachable` if there is no answer in time. */
export async function probeForkserver(socketPath: string): Promise<ForkserverProbe | null> {
  let client: ForkserverClient;
  try {
    client = await connectForkserver(socketPath, false);
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
  let timeout: NodeJS.Timeout | undefined;
  try {
    const report = await new Promise<ForkserverReportFact>((resolve, reject) => {
      const fail = (why: string) =>
        reject(new QrewError("unreachable", `the forkserver at ${socketPath}: ${why}`));
      timeout = setTimeout(() => fail("no report in time"), REPORT_TIMEOUT_MS);
      client.listen({
        onFacts: (facts) => {
          for (const fact of facts) if (fact.type === "report") resolve(fact);
        },
        onClosed: fail,
      });
      client.send([{ type: "report" }]);
    });
    return { pid: client.pid, flavour: client.flavour, report };
  } finally {
    clearTimeout(timeout);
    client.close();
  }
}

/** No such socket, or one whose forkserver has died. */
function isAbsence(error: unknown): boolean {
  const cause = error instanceof QrewError ? error.cause : null;
  if (!(cause instanceof Error) || !("code" in cause)) return false;
  return cause.code === "ENOENT" || cause.code === "ECONNREFUSED";
}
