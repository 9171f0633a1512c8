/** Submits a document and waits for the job's end in one request: a round trip less than to follow the job once it is accepted. */
import type { ClientReply, JobSummary } from "../../protocol/clientLink.ts";
import { QrewError } from "../../protocol/errors.ts";
import type { JobSeq } from "../../protocol/ids.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import type { Connection, Exchange, RequestBody } from "./connection.ts";
import { Changes, endFollowing, followJobs, type JobChange, type Reach } from "./follow.ts";
import { silentManager } from "./managerErrors.ts";
import { whenLate } from "./patience.ts";
import { type AcceptedJob, type Follower, type Submission, submitDocument } from "./submit.ts";

export interface Run extends Omit<Submission, "follower"> {
  /** Called when the job is accepted, which means durable. */
  readonly onAccepted?: (accepted: AcceptedJob) => void;
  readonly signal?: AbortSignal;
}

/**
 * Resolves with how the job has ended; survives managers that are replaced. No connection is to be followed over at the same time.
 * Throws as submitDocument, and `interrupted` when `signal` is aborted once the job is accepted.
 */
export async function runDocument(reach: Reach, run: Run): Promise<JobSummary> {
  const { onAccepted, signal, ...submission } = run;
  const follower = new RunFollower();
  const accepted = await submitDocument(reach, { ...submission, follower });
  onAccepted?.(accepted);
  const { job } = accepted;
  return (
    (await follower.end(signal)) ??
    (await endOf(followJobs(reach, [job], signal))) ??
    Promise.reject(interruptedWait(job))
  );
}

export const interruptedWait = (job: JobSeq): QrewError =>
  new QrewError("interrupted", `Waiting for job ${job} was ended; the job goes on.`);

/** Null where the changes end before the job does. */
export async function endOf(changes: AsyncIterable<JobChange>): Promise<JobSummary | null> {
  for await (const { summary } of changes) {
    if (isFinalJobState(summary.state)) return summary;
  }
  return null;
}

class RunFollower implements Follower {
  #asked: { readonly connection: Connection; readonly exchange: Exchange; readonly changes: Changes } | null =
    null;

  ask(connection: Connection, body: RequestBody, timeoutMs: number): Promise<ClientReply> {
    const changes = new Changes(body.type);
    return new Promise((resolve, reject) => {
      const forget = whenLate(timeoutMs, () => {
        exchange.end();
        reject(silentManager(timeoutMs));
      });
      const exchange = connection.open(body, {
        // The end may come before the acceptance.
        answered: (reply) => {
          if (reply.type === "jobChanged") return changes.answered(reply);
          forget();
          resolve(reply);
        },
        failed: (error) => {
          forget();
          reject(error);
          changes.failed(error);
        },
      });
      this.#asked = { connection, exchange, changes };
    });
  }

  /** Null when the connection is lost before the job has ended, or `signal` is aborted. */
  async end(signal: AbortSignal | undefined): Promise<JobSummary | null> {
    if (this.#asked === null) return null;
    const { connection, exchange, changes } = this.#asked;
    let ended: JobSummary | null = null;
    try {
      ended = await endOf(changes.each(signal));
      return ended;
    } catch (thrown) {
      const error = QrewError.from(thrown);
      if (error.code !== "unreachable") throw error;
      return null;
    } finally {
      endFollowing(connection, exchange, ended === null);
    }
  }
}
