/** What the QWorker asks of its TaskExecutor. */
import { assertNever } from "../../protocol/errors.ts";
import type { AttemptEnded, AttemptSpec, ExecutorCommand, JobContext } from "../../protocol/executorLink.ts";
import type { ForkserverCommand } from "../../protocol/forkserverLink.ts";
import { type AttemptId, attemptKey, type JobSeq, jobMark } from "../../protocol/ids.ts";
import { contextCommand, preparationOf, programOf, spawnCommand } from "./shellAttempt.ts";
import { tellHello, tellStarted, tellUndelivered, type Turn } from "./turn.ts";

export function onCommand(turn: Turn, command: ExecutorCommand): void {
  const { state } = turn;
  if (command.type === "welcome") {
    // To a hello of before: what has changed since is not known there.
    if (command.greeting !== state.greeting) return;
    state.node = command.node;
    state.welcomed = true;
    tellStarted(turn);
    return tellUndelivered(turn);
  }
  // Said to an earlier connection: whoever speaks on this one welcomes first, and knows what is live here.
  if (!state.welcomed) return;
  switch (command.type) {
    case "openJob":
      return openJob(turn, command.context);
    case "runAttempts":
      for (const spec of command.attempts) runAttempt(turn, spec);
      return;
    case "runNoops":
      return runNoops(turn, command);
    case "setCap":
      return setCap(turn, command);
    case "stopAttempts":
      for (const id of command.attempts) stopAttempt(turn, id, command.graceMs);
      return;
    case "suspendJob":
      if (state.forkserver.type !== "absent") tellForkserver(turn, command);
      return;
    case "acknowledgeAttempts":
      for (const id of command.attempts) acknowledge(turn, id);
      return;
    case "closeJob":
      return closeJob(turn, command.job, command.graceMs);
    case "ping":
      turn.effects.push({ type: "tellWorker", fact: { type: "alive" } });
      return;
    case "reportStatus":
      return reportStatus(turn);
    case "leave":
      return leave(turn);
    default:
      assertNever(command);
  }
}

function openJob(turn: Turn, context: JobContext): void {
  turn.state.contexts.set(context.job, context);
  if (turn.state.forkserver.type !== "absent") tellForkserver(turn, contextCommand(turn.state, context));
}

function runAttempt(turn: Turn, spec: AttemptSpec): void {
  const { state } = turn;
  const { job, task, attempt } = spec;
  const id = { job, task, attempt };
  const key = attemptKey(id);
  // The second start finds the first: its end, if there is one, is told again.
  const known = state.attempts.get(key);
  if (known !== undefined) {
    if (known.type === "ended") tellEnded(turn, [known.ended]);
    return;
  }
  const preparation = preparationOf(state, spec);
  const promise = preparation?.promise ?? null;
  state.attempts.set(key, {
    type: "live",
    id,
    started: null,
    program: programOf(spec),
    hasFiles: preparation !== null,
    promise,
  });
  if (preparation !== null) turn.effects.push({ type: "prepareAttempt", preparation });
  needForkserver(turn);
  tellForkserver(turn, spawnCommand(state, spec));
}

/** They leave no trace here: who misses the answer runs them again. */
function runNoops(turn: Turn, { job, attempts }: Extract<ExecutorCommand, { type: "runNoops" }>): void {
  const { wallMs: atMs, monoMs } = turn.clock;
  turn.effects.push({ type: "tellWorker", fact: { type: "noopsEnded", job, attempts, atMs, monoMs } });
}

export function tellEnded(turn: Turn, attempts: AttemptEnded[]): void {
  if (turn.state.welcomed)
    turn.effects.push({ type: "tellWorker", fact: { type: "attemptsEnded", attempts } });
}

/** Opens a forkserver if there is none, and tells it what earlier commands have left to know. */
function needForkserver(turn: Turn): void {
  const { state } = turn;
  if (state.forkserver.type !== "absent") return;
  state.forkserver = { type: "opening", waiting: [] };
  turn.effects.push({ type: "openForkserver" });
  for (const context of state.contexts.values()) tellForkserver(turn, contextCommand(state, context));
  for (const [job, cap] of state.caps) tellForkserver(turn, { type: "setCap", job, ...cap });
}

export function tellForkserver(turn: Turn, command: ForkserverCommand): void {
  const { forkserver } = turn.state;
  if (forkserver.type === "opening") forkserver.waiting.push(command);
  else if (forkserver.type === "ready") turn.effects.push({ type: "tellForkserver", command });
}

function setCap(turn: Turn, command: Extract<ExecutorCommand, { type: "setCap" }>): void {
  const { job, serial, cpusMilli } = command;
  turn.state.caps.set(job, { serial, cpusMilli });
  if (turn.state.forkserver.type !== "absent")
    return tellForkserver(turn, { type: "setCap", job, serial, cpusMilli });
  // Nothing runs: the cap holds already, and a forkserver that is opened later hears of it first.
  turn.effects.push({ type: "tellWorker", fact: { type: "capSet", job, serial, runningCpusMilli: 0 } });
}

function stopAttempt(turn: Turn, id: AttemptId, graceMs: number): void {
  const known = turn.state.attempts.get(attemptKey(id));
  if (known?.type === "live") tellForkserver(turn, { type: "stop", key: known.id, graceMs });
}

function acknowledge(turn: Turn, id: AttemptId): void {
  const key = attemptKey(id);
  const known = turn.state.attempts.get(key);
  if (known?.type !== "ended") return;
  turn.state.attempts.delete(key);
  tellForkserver(turn, { type: "acknowledge", key: known.id });
  if (known.spool.length > 0) turn.effects.push({ type: "discardSpool", id: known.id, paths: known.spool });
}

function closeJob(turn: Turn, job: JobSeq, graceMs: number): void {
  const { state } = turn;
  state.contexts.delete(job);
  state.caps.delete(job);
  if (state.forkserver.type === "absent") {
    // What a dead forkserver left was ended before it was given up.
    turn.effects.push({ type: "tellWorker", fact: { type: "jobClosed", job, ended: 0, survivors: 0 } });
    return;
  }
  state.closing.add(job);
  tellForkserver(turn, { type: "closeJob", job, graceMs, mark: jobMark(state.instance, state.seat, job) });
}

function reportStatus(turn: Turn): void {
  const { forkserver, pid } = turn.state;
  if (forkserver.type === "ready") tellForkserver(turn, { type: "report" });
  else turn.effects.push({ type: "tellWorker", fact: { type: "status", pid, forkserver: null } });
}

function leave(turn: Turn): void {
  const { state } = turn;
  if (state.attempts.size > 0) return tellHello(turn);
  state.left = true;
  tellForkserver(turn, { type: "leave" });
  turn.effects.push({ type: "leave" });
}
