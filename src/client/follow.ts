/**
 * Follows jobs until all are final, also across a manager that dies in between: the next one knows the jobs, and each
 * connection begins with their present state.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { ClientReply, ClientRequest, JobSummary } from "../../protocol/clientLink.ts";
import { QrewError } from "../../protocol/errors.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import type { JobSeq } from "../../protocol/ids.ts";
import type { Connection, Exchange, ExchangeListener } from "./connection.ts";
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
  const changes = new Changes("followJobs");
  const exchange = connection.open({ type: "followJobs", jobs: [...jobs] }, changes);
  try {
    yield* changes.each(signal);
  } finally {
    endFollowing(connection, exchange, jobs.size > 0);
  }
}

/** The manager follows one set of jobs for each connection, until all have ended (`isFollowed`: some have not). */
export function endFollowing(connection: Connection, exchange: Exchange, isFollowed: boolean): void {
  exchange.end();
  // An answer is of no interest.
  if (connection.isOpen && isFollowed) connection.request({ type: "unfollow" }).catch(() => undefined);
}

/** The answers to a request after which jobs are followed: of each job the latest that was not taken yet. */
export class Changes implements ExchangeListener {
  readonly #asked: ClientRequest["type"];
  readonly #latest = new Map<JobSeq, JobChange>();
  readonly #bell = new Bell();
  #fault: QrewError | null = null;

  constructor(asked: ClientRequest["type"]) {
    this.#asked = asked;
  }

  answered(reply: ClientReply): void {
    if (reply.type !== "jobChanged") return this.failed(unexpectedReply(this.#asked, reply));
    const { summary, running } = reply;
    this.#latest.set(summary.job, { summary, running });
    this.#bell.ring();
  }

  failed(error: QrewError): void {
    this.#fault ??= error;
    this.#bell.ring();
  }

  /** Ends without error when `signal` is aborted; throws what the request failed with, after the changes before it. */
  async *each(signal: AbortSignal | undefined): AsyncGenerator<JobChange> {
    const aborted = (): void => this.#bell.ring();
    signal?.addEventListener("abort", aborted, { once: true });
    try {
      while (signal?.aborted !== true) {
        const changes = [...this.#latest.values()];
        this.#latest.clear();
        yield* changes;
        if (changes.length > 0) continue;
        if (this.#fault !== null) throw this.#fault;
        await this.#bell.heard();
      }
    } finally {
      signal?.removeEventListener("abort", aborted);
    }
  }
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
