/** The end of an attempt as the QWorker is told it, from what the forkserver says and what was captured. */
import { constants } from "node:os";
import type { AttemptEnded, AttemptOutcome, CapturedOutput } from "../protocol/executorLink.ts";
import type { ForkserverEnded, ForkserverOutcome } from "../protocol/forkserverLink.ts";
import type { MemoryKills } from "../src/node/memoryKills.ts";
import { signalName } from "./forkserver/errnos.ts";
import { notStartedOutcome } from "./notStarted.ts";

export function attemptEnded(
  fact: ForkserverEnded,
  program: string | null,
  stdout: CapturedOutput | null,
  stderr: CapturedOutput | null,
  memoryKills: MemoryKills,
): AttemptEnded {
  const { key, usage } = fact;
  // Field by field: a spread before the others takes longer than all that is done for a short attempt otherwise.
  return {
    job: key.job,
    task: key.task,
    attempt: key.attempt,
    outcome: outcomeOf(fact.outcome, program, memoryKills),
    startedAtMs: fact.start?.wallMs ?? null,
    startedMonoMs: fact.start?.monoMs ?? null,
    endedAtMs: fact.end.wallMs,
    endedMonoMs: fact.end.monoMs,
    usage:
      usage === null
        ? null
        : {
            userSeconds: usage.userMicros / 1e6,
            systemSeconds: usage.systemMicros / 1e6,
            maxRssBytes: usage.maxRssBytes,
          },
    stdout,
    stderr,
  };
}

function outcomeOf(
  outcome: ForkserverOutcome,
  program: string | null,
  memoryKills: MemoryKills,
): AttemptOutcome {
  switch (outcome.type) {
    case "exited":
    case "stopped":
      return outcome;
    case "signalled":
      if (outcome.signal === constants.signals.SIGKILL && memoryKills.take()) return { type: "outOfMemory" };
      return { type: "signalled", signal: signalName(outcome.signal) };
    case "withdrawn":
      return { type: "withdrawn" };
    case "notStarted":
      return notStartedOutcome(outcome.step, outcome.errno, program);
  }
}
