/** What is to be done with the effects of a step once its records are committed: who is told what, in which order. */
import { assertNever } from "../protocol/errors.ts";
import type { ExecutorCommand } from "../protocol/executorLink.ts";
import type { WorkerFact } from "../protocol/workerLink.ts";
import type { WorkerEffect } from "./core/events.ts";
import { ExecutorMailbox } from "./mailbox.ts";
import type { OpenJobs } from "./openJobs.ts";

export type ProcessAct = "startExecutor" | "killExecutor";

export type JobToLoad = Extract<WorkerEffect, { type: "loadJob" }>;

interface Outbox {
  readonly commands: readonly ExecutorCommand[];
  /** Nobody waits for any of the commands. */
  readonly areCommandsForLater: boolean;
  readonly facts: readonly WorkerFact[];
  /** Nobody waits for any of the facts. */
  readonly areFactsForLater: boolean;
  /** To be told when everything committed so far is on disk. */
  readonly factsWhenFlushed: readonly WorkerFact[];
  readonly jobsToLoad: readonly JobToLoad[];
  readonly acts: readonly ProcessAct[];
}

export function outboxOf(effects: readonly WorkerEffect[], jobs: OpenJobs): Outbox {
  const mailbox = new ExecutorMailbox();
  const facts: WorkerFact[] = [];
  let areCommandsForLater = true;
  let areFactsForLater = true;
  const factsWhenFlushed: WorkerFact[] = [];
  const jobsToLoad: JobToLoad[] = [];
  const acts: ProcessAct[] = [];
  for (const effect of effects) {
    switch (effect.type) {
      case "recordTask":
      case "recordNoopEnds":
      case "archiveAttempt":
      case "recordOutputs":
      case "recordJob":
        break;
      case "loadJob":
        jobsToLoad.push(effect);
        break;
      case "forgetJob":
        jobs.forget(effect.job);
        break;
      case "openJob":
        mailbox.tell({ type: "openJob", context: jobs.context(effect.job) });
        areCommandsForLater = false;
        break;
      case "runAttempt":
        mailbox.run(jobs.spec(effect));
        areCommandsForLater = false;
        break;
      case "runNoops":
        mailbox.runNoops(effect);
        areCommandsForLater = false;
        break;
      case "tellExecutor":
        mailbox.tell(effect.command);
        areCommandsForLater &&= effect.isForLater === true;
        break;
      case "startExecutor":
      case "killExecutor":
        acts.push(effect.type);
        break;
      case "tellManager":
        facts.push(effect.fact);
        areFactsForLater &&= effect.isForLater === true;
        break;
      case "reportProgress": {
        const running = jobs.named(effect.report.job, effect.running);
        facts.push({ type: "jobProgressed", report: { ...effect.report, running } });
        areFactsForLater = false;
        break;
      }
      case "reportFinished": {
        const { report, finishedAtMs, detail } = effect;
        factsWhenFlushed.push({
          type: "jobFinished",
          report: { ...report, running: [] },
          finishedAtMs,
          detail,
        });
        break;
      }
      default:
        assertNever(effect);
    }
  }
  const commands = mailbox.commands();
  return { commands, areCommandsForLater, facts, areFactsForLater, factsWhenFlushed, jobsToLoad, acts };
}
