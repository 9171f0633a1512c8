/** What the forkserver tells its TaskExecutor. */
import { assertNever } from "../../protocol/errors.ts";
import type { AttemptEnded, AttemptOutcome } from "../../protocol/executorLink.ts";
import type {
  ForkserverEnded,
  ForkserverFact,
  ForkserverReportFact,
  ForkserverStarted,
} from "../../protocol/forkserverLink.ts";
import { type AttemptId, attemptKey } from "../../protocol/ids.ts";
import { tellEnded } from "./commands.ts";
import { spoolFiles } from "./shellAttempt.ts";
import type { ExecutorEvent } from "./events.ts";
import type { HeldAttempt } from "./state.ts";
import type { Turn } from "./turn.ts";

type Told<Name extends ExecutorEvent["type"]> = Extract<ExecutorEvent, { type: Name }>;

/** What is known of an attempt that an earlier TaskExecutor has started. */
const adopted = (turn: Turn, id: AttemptId): Extract<HeldAttempt, { type: "live" }> => ({
  type: "live",
  id,
  started: null,
  program: null,
  hasFiles: true,
  promise: { path: spoolFiles(turn.state, id).promisePath, made: null },
});

export function onForkserverOpened(turn: Turn, event: Told<"forkserverOpened">): void {
  const { state } = turn;
  const waiting = state.forkserver.type === "opening" ? state.forkserver.waiting : [];
  state.forkserver = { type: "ready", pid: event.pid, flavour: event.flavour };
  for (const command of waiting) turn.effects.push({ type: "tellForkserver", command });
}

export function onFact(turn: Turn, fact: ForkserverFact): void {
  switch (fact.type) {
    case "started":
      return onStarted(turn, fact);
    case "ended":
      return onEnded(turn, fact);
    case "queued": {
      const key = attemptKey(fact.key);
      if (!turn.state.attempts.has(key)) {
        turn.state.attempts.set(key, adopted(turn, fact.key));
      }
      return;
    }
    case "capSet": {
      const { job, serial, runningCpusMilli } = fact;
      turn.effects.push({ type: "tellWorker", fact: { type: "capSet", job, serial, runningCpusMilli } });
      return;
    }
    case "jobClosed": {
      const { job, ended, survivors } = fact;
      turn.state.closing.delete(job);
      turn.effects.push({ type: "tellWorker", fact: { type: "jobClosed", job, ended, survivors } });
      return;
    }
    case "report":
      return onReport(turn, fact);
    case "welcome":
    case "listed":
    case "refused":
      return;
    default:
      assertNever(fact);
  }
}

function onStarted(turn: Turn, fact: ForkserverStarted): void {
  const key = attemptKey(fact.key);
  const known = turn.state.attempts.get(key);
  if (known !== undefined && known.type !== "live") return;
  const { job, task, attempt } = fact.key;
  const started = {
    job,
    task,
    attempt,
    startedAtMs: fact.start.wallMs,
    startedMonoMs: fact.start.monoMs,
    pid: fact.pid,
  };
  turn.state.attempts.set(key, { ...(known ?? adopted(turn, fact.key)), started });
  if (turn.state.welcomed) {
    turn.effects.push({ type: "tellWorker", fact: { type: "attemptsStarted", attempts: [started] } });
  }
}

function onEnded(turn: Turn, fact: ForkserverEnded): void {
  const key = attemptKey(fact.key);
  const known = turn.state.attempts.get(key);
  if (known !== undefined && known.type !== "live") return;
  turn.state.attempts.set(key, { type: "collecting", id: fact.key });
  const { program, promise, hasFiles } = known ?? adopted(turn, fact.key);
  const told = hasFiles ? fact : withoutSpool(fact);
  turn.effects.push({ type: "collectOutput", fact: told, program, promise });
}

const ENOENT = 2;

/** Its output goes into the spool folder, which somebody has removed: the fault of the node, and not of the task. */
function withoutSpool(fact: ForkserverEnded): ForkserverEnded {
  const { outcome } = fact;
  if (outcome.type !== "notStarted" || outcome.errno !== ENOENT) return fact;
  const isOutput = outcome.step === "stdout" || outcome.step === "stderr";
  return isOutput ? { ...fact, outcome: { ...outcome, step: "spawn" } } : fact;
}

export function onOutputCollected(turn: Turn, event: Told<"outputCollected">): void {
  const { spool } = event;
  const id = { job: event.ended.job, task: event.ended.task, attempt: event.ended.attempt };
  const key = attemptKey(id);
  const isOrphan = turn.state.orphans?.has(key) === true;
  const ended: AttemptEnded = isOrphan ? { ...event.ended, outcome: ORPHANED } : event.ended;
  turn.state.attempts.set(key, { type: "ended", id, ended, spool });
  tellEnded(turn, [ended]);
}

/** However it ended: it was stopped, and may say 0 without having done its work. */
const ORPHANED: AttemptOutcome = {
  type: "lost",
  detail: "neither QManager nor QWorker came for it in time (daemon.orphanSeconds), and it was stopped",
};

export function onEndsFound(turn: Turn, ends: readonly AttemptEnded[]): void {
  for (const ended of ends) {
    const id = { job: ended.job, task: ended.task, attempt: ended.attempt };
    const key = attemptKey(id);
    if (turn.state.attempts.has(key)) continue;
    const spool = Object.values(spoolFiles(turn.state, id));
    turn.state.attempts.set(key, { type: "ended", id, ended, spool });
  }
}

function onReport(turn: Turn, fact: ForkserverReportFact): void {
  const { forkserver, pid } = turn.state;
  if (forkserver.type !== "ready") return;
  const { runningAttempts, runningCpusMilli, queuedAttempts, heldAttempts } = fact;
  const report = { pid: forkserver.pid, flavour: forkserver.flavour, runningAttempts, runningCpusMilli };
  turn.effects.push({
    type: "tellWorker",
    fact: { type: "status", pid, forkserver: { ...report, queuedAttempts, heldAttempts } },
  });
}

/** All attempts that ran died with the forkserver; the QWorker decides about repetitions. */
export function onForkserverLost(turn: Turn, detail: string): void {
  endAllLive(turn, { type: "lost", detail });
}

export function onForkserverFailed(turn: Turn, detail: string): void {
  endAllLive(turn, { type: "notStarted", reason: "noProcess", detail });
}

function endAllLive(turn: Turn, outcome: AttemptOutcome): void {
  const { state } = turn;
  state.forkserver = { type: "absent" };
  for (const attempt of [...state.attempts.values()]) {
    if (attempt.type !== "live") continue;
    const ended = endWithoutOutput(turn, attempt.id, outcome, attempt.started);
    const files = spoolFiles(state, attempt.id);
    const spool = attempt.hasFiles ? Object.values(files) : [files.stdoutPath, files.stderrPath];
    state.attempts.set(attemptKey(attempt.id), { type: "ended", id: attempt.id, ended, spool });
    tellEnded(turn, [ended]);
  }
  for (const [job, { serial }] of state.caps) {
    turn.effects.push({ type: "tellWorker", fact: { type: "capSet", job, serial, runningCpusMilli: 0 } });
  }
  // What a dead forkserver left was ended before it was given up: so the jobs that it was closing are closed.
  for (const job of state.closing) {
    turn.effects.push({ type: "tellWorker", fact: { type: "jobClosed", job, ended: 0, survivors: 0 } });
  }
  state.closing.clear();
}

function endWithoutOutput(
  turn: Turn,
  id: AttemptId,
  outcome: AttemptOutcome,
  started: { readonly startedAtMs: number; readonly startedMonoMs: number } | null,
): AttemptEnded {
  return {
    ...id,
    outcome,
    startedAtMs: started?.startedAtMs ?? null,
    startedMonoMs: started?.startedMonoMs ?? null,
    endedAtMs: turn.clock.wallMs,
    endedMonoMs: turn.clock.monoMs,
    usage: null,
    stdout: null,
    stderr: null,
  };
}
