/**
 * Follows jobs until all are final, also across a manager that dies in between: the next one knows the jobs, and each
 * connection begins with their present state.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { ClientReply, JobSummary } from "../../protocol/clientLink.ts";
import { QrewError } from "../../protocol/errors.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import type { JobSeq } from "../../protocol/ids.ts";
import type { Connection } from "./connection.ts";
import { unexpectedReply } from "./managerErrors.ts";

/** Managers lost in a row before it is given up; each try may also start one. */
export const FOLLOW_TRIES_MAX = 5;

/** Grows with each try, so that a machine that is starved has time to breathe. */
const RETRY_STEP_MS = 100;

/** A connection that lived this long was a sound one: its loss begins a new count. */
const SOUND_CONNECTION_MS = 30_000;

export interface RunningName {
  readonly name: string;
  readonly attempt: number;
  readonly startedAtMs: number;
}

/** A job as it is now. `running` has the longest running tasks, at most eight. */
export interface JobChange {
  readonly summary: JobSummary;
  readonly running: readonly RunningName[];
}

/** Gives a connection to the manager, a new one if the last was lost. A connection carries one `followJobs` at a time. */
export type Reach = () => Promise<Connection>;

/**
 * The changes of `jobs` from their present state on, ending when each has been final once. A slow reader gets the latest
 * change of each job, not all of them. Ends without error when `signal` is aborted. Throws `notFound` for an unknown
 * job, `unreachable` after FOLLOW_TRIES_MAX managers lost in a row.
 */
export async function* followJobs(
  reach: Reach,
  jobs: readonly JobSeq[],
  signal?: AbortSignal,
): AsyncGenerator<JobChange> {
  const open = new Set(jobs);
  let tries = 0;
  while (open.size > 0 && signal?.aborted !== true) {
    const beganMs = performance.now();
    try {
      const connection = await reach();
      for await (const change of changesOf(connection, open, signal)) {
        if (isFinalJobState(change.summary.state)) open.delete(change.summary.job);
        yield change;
        if (open.size === 0) return;
      }
    } catch (thrown) {
      const error = QrewError.from(thrown);
      if (error.code !== "unreachable") throw error;
      if (performance.now() - beganMs > SOUND_CONNECTION_MS) tries = 0;
      tries += 1;
      if (tries >= FOLLOW_TRIES_MAX) throw error;
      await delay(tries * RETRY_STEP_MS);
    }
  }
}

/** The changes that come over one connection, of the `jobs` that the caller has not seen end; throws its loss. */
async function* changesOf(
  connection: Connection,
  jobs: ReadonlySet<JobSeq>,
  signal: AbortSignal | undefined,
): AsyncGenerator<JobChange> {
  const latest = new Map<JobSeq, JobChange>();
  const bell = new Bell();
  const faults: QrewError[] = [];
  const exchange = connection.open(
    { type: "followJobs", jobs: [...jobs] },
    {
      answered: (reply) => {
        const change = toChange(reply);
        if (change === null) faults.push(unexpectedReply("followJobs", reply));
        else latest.set(change.summary.job, change);
        bell.ring();
      },
      failed: (error) => {
        faults.push(error);
        bell.ring();
      },
    },
  );
  const aborted = (): void => bell.ring();
  signal?.addEventListener("abort", aborted, { once: true });
  try {
    while (signal?.aborted !== true) {
      const changes = [...latest.values()];
      latest.clear();
      yield* changes;
      if (changes.length > 0) continue;
      const [fault] = faults;
      if (fault !== undefined) throw fault;
      await bell.heard();
    }
  } finally {
    signal?.removeEventListener("abort", aborted);
    exchange.end();
    // The manager follows one set of jobs for each connection, until all have ended; an answer is of no interest.
    if (connection.isOpen && jobs.size > 0) connection.request({ type: "unfollow" }).catch(() => undefined);
  }
}

function toChange(reply: ClientReply): JobChange | null {
  return reply.type === "jobChanged" ? { summary: reply.summary, running: reply.running } : null;
}

/** Wakes one waiter; a ring that nobody waits for is kept. */
class Bell {
  #rung = false;
  #wake: (() => void) | null = null;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  async heard(): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#rung = false;
    this.#wake = null;
  }
}
