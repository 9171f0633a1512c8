/** A connection with control that remembers every fact, and waits for those that a test wants. */
import type { ForkserverClient } from "../../../executor/forkserver/client.ts";
import type {
  ForkserverCommand,
  ForkserverEnded,
  ForkserverFact,
  ForkserverOutcome,
  StartStep,
} from "../../../protocol/forkserverLink.ts";
import { type AttemptId, attemptKey, type JobSeq } from "../../../protocol/ids.ts";
import { DEADLINE_MS } from "./lookups.ts";

export class Controller {
  readonly client: ForkserverClient;
  readonly facts: ForkserverFact[] = [];
  closedBecause: string | null = null;
  private waiters: (() => void)[] = [];

  constructor(client: ForkserverClient) {
    this.client = client;
    client.listen({
      onFacts: (facts) => {
        this.facts.push(...facts);
        this.wake();
      },
      onClosed: (reason) => {
        this.closedBecause = reason;
        this.wake();
      },
    });
  }

  send(...commands: ForkserverCommand[]): void {
    this.client.send(commands);
  }

  /** The first value that `find` sees in the facts, those that came already included. */
  async until<Result>(what: string, find: () => Result | undefined | null | false): Promise<Result> {
    const endMs = performance.now() + DEADLINE_MS;
    for (;;) {
      const result = find();
      if (result !== undefined && result !== null && result !== false) return result;
      const leftMs = endMs - performance.now();
      if (leftMs <= 0)
        throw new Error(`waited in vain for ${what}; facts: ${JSON.stringify(this.facts.slice(-20))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  of<Type extends ForkserverFact["type"]>(type: Type): Extract<ForkserverFact, { type: Type }>[] {
    return this.facts.filter((fact): fact is Extract<ForkserverFact, { type: Type }> => fact.type === type);
  }

  started(key: AttemptId) {
    return this.until(`start of ${attemptKey(key)}`, () =>
      this.of("started").find((fact) => sameKey(fact.key, key)),
    );
  }

  ended(key: AttemptId): Promise<ForkserverEnded> {
    return this.until(`end of ${attemptKey(key)}`, () =>
      this.of("ended").find((fact) => sameKey(fact.key, key)),
    );
  }

  jobClosed(job: JobSeq) {
    return this.until(`close of job ${job}`, () => this.of("jobClosed").find((fact) => fact.job === job));
  }

  capSet(job: JobSeq, serial: number) {
    return this.until("cap", () =>
      this.of("capSet").find((fact) => fact.job === job && fact.serial === serial),
    );
  }

  closed(): Promise<string> {
    return this.until("the end of the connection", () => this.closedBecause);
  }

  private wake(): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const waiter of waiters) waiter();
  }
}

export const sameKey = (left: AttemptId, right: AttemptId): boolean => attemptKey(left) === attemptKey(right);

export const exited = (exitCode: number): ForkserverOutcome => ({ type: "exited", exitCode });
export const stopped = (exitCode: number): ForkserverOutcome => ({ type: "stopped", exitCode });
export const signalled = (signal: number): ForkserverOutcome => ({ type: "signalled", signal });
export const notStarted = (step: StartStep, errno: number): ForkserverOutcome => ({
  type: "notStarted",
  errno,
  step,
});
export const withdrawn: ForkserverOutcome = { type: "withdrawn" };
