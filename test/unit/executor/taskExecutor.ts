/**
 * A TaskExecutor's core with a clock that ticks by hand: tests tell it events, take the effects that they expect in their
 * order, and end with `expect(executor.unexpected()).toEqual([])`.
 */
import { assert } from "../../../protocol/errors.ts";
import type { AttemptSpec, ExecutorCommand, ExecutorFact } from "../../../protocol/executorLink.ts";
import type {
  ForkserverCommand,
  ForkserverFact,
  ForkserverOutcome,
} from "../../../protocol/forkserverLink.ts";
import { type AttemptId, type JobSeq, jobSeq, seatNumber, taskIndex } from "../../../protocol/ids.ts";
import type { ExecutorEffect, ExecutorEvent } from "../../../executor/core/events.ts";
import type { ExecutorState } from "../../../executor/core/state.ts";
import { createExecutor, nextWakeMs, step } from "../../../executor/core/step.ts";

export const JOB = jobSeq(1);
const WALL_OFFSET_MS = 1_700_000_000_000;

type Fact<Name extends ExecutorFact["type"]> = Extract<ExecutorFact, { type: Name }>;
type Told<Name extends ForkserverCommand["type"]> = Extract<ForkserverCommand, { type: Name }>;

export const attemptId = (task: number, attempt = 1, job: JobSeq = JOB): AttemptId => ({
  job,
  task: taskIndex(task),
  attempt,
});

export const shell = (task: number, others: Partial<Extract<AttemptSpec, { kind: "shell" }>> = {}) => ({
  kind: "shell" as const,
  ...attemptId(task),
  name: `task ${task}`,
  cpusMilli: 1000,
  isPooled: false,
  command: ["/bin/tool", String(task)],
  env: {},
  stdin: null,
  workdir: null,
  files: null,
  after: null,
  ...others,
});

export class FakeTaskExecutor {
  readonly state: ExecutorState;
  nowMs = 10_000;
  #effects: ExecutorEffect[] = [];

  constructor() {
    this.state = createExecutor({
      seat: seatNumber(3),
      instance: "uuid",
      pid: 70,
      spoolFolder: "/spool",
      orphanMs: 24 * 3600 * 1000,
    });
  }

  /** Connected and welcomed. */
  static welcomed(): FakeTaskExecutor {
    const executor = new FakeTaskExecutor();
    executor.feed({ type: "workerConnected" });
    executor.fact("hello");
    executor.welcome();
    return executor;
  }

  /** And with a forkserver, for a job that is open. */
  static serving(): FakeTaskExecutor {
    const executor = FakeTaskExecutor.welcomed();
    executor.open();
    executor.say({ type: "runAttempts", attempts: [shell(99)] });
    executor.forkserverOpened();
    executor.ended(99);
    executor.collected(99);
    executor.say({ type: "acknowledgeAttempts", attempts: [attemptId(99)] });
    executor.forget();
    return executor;
  }

  get wallMs(): number {
    return WALL_OFFSET_MS + this.nowMs;
  }

  feed(...events: readonly ExecutorEvent[]): void {
    this.#effects.push(...step(this.state, { monoMs: this.nowMs, wallMs: this.wallMs }, events));
  }

  pass(durationMs: number): void {
    const untilMs = this.nowMs + durationMs;
    const wakeMs = nextWakeMs(this.state);
    if (wakeMs !== null && wakeMs <= untilMs) {
      this.nowMs = Math.max(this.nowMs, wakeMs);
      this.feed({ type: "woken" });
    }
    this.nowMs = untilMs;
    this.feed({ type: "woken" });
  }

  say(...commands: readonly ExecutorCommand[]): void {
    this.feed(...commands.map((command) => ({ type: "workerSaid", command }) as const));
  }

  /** To the latest hello, or to an earlier one. */
  welcome(greeting: number = this.state.greeting): void {
    this.say({ type: "welcome", greeting, seat: seatNumber(3), node: "n1", instance: "uuid" });
  }

  open(job: JobSeq = JOB): void {
    this.say({ type: "openJob", context: { job, env: { HOME: "/h" }, directory: "/data", umask: 18 } });
  }

  reconnect(): Fact<"hello"> {
    this.feed({ type: "workerDisconnected" }, { type: "workerConnected" });
    return this.fact("hello");
  }

  forkserverOpened(): void {
    this.feed({ type: "forkserverOpened", pid: 80, flavour: "c" });
  }

  forkserverSays(fact: ForkserverFact): void {
    this.feed({ type: "forkserverSaid", fact });
  }

  started(task: number): void {
    const start = { monoMs: this.nowMs, wallMs: this.wallMs };
    this.forkserverSays({ type: "started", key: attemptId(task), pid: 1000 + task, start });
  }

  ended(task: number, outcome: ForkserverOutcome = { type: "exited", exitCode: 0 }): void {
    const time = { monoMs: this.nowMs, wallMs: this.wallMs };
    this.forkserverSays({
      type: "ended",
      key: attemptId(task),
      outcome,
      survivors: 0,
      start: time,
      end: time,
      usage: null,
      stdout: { type: "file", path: `/spool/${task}.out` },
      stderr: { type: "file", path: `/spool/${task}.err` },
    });
  }

  /** The output of an ended attempt was read. */
  collected(task: number): void {
    const ended = {
      ...attemptId(task),
      outcome: { type: "exited", exitCode: 0 } as const,
      startedAtMs: this.wallMs,
      startedMonoMs: this.nowMs,
      endedAtMs: this.wallMs,
      endedMonoMs: this.nowMs,
      usage: null,
      stdout: null,
      stderr: null,
    };
    this.feed({ type: "outputCollected", ended, spool: [`/spool/${task}.out`] });
  }

  take<Name extends ExecutorEffect["type"]>(type: Name): Extract<ExecutorEffect, { type: Name }> {
    for (const [index, effect] of this.#effects.entries()) {
      if (!isOfType(effect, type)) continue;
      this.#effects.splice(index, 1);
      return effect;
    }
    throw new Error(`no such ${type}; there is ${this.#effects.map(describe).join(", ") || "nothing"}`);
  }

  /** The next fact of this type to the QWorker. */
  fact<Name extends ExecutorFact["type"]>(type: Name): Fact<Name> {
    for (const [index, effect] of this.#effects.entries()) {
      if (effect.type !== "tellWorker" || !isOfType(effect.fact, type)) continue;
      this.#effects.splice(index, 1);
      return effect.fact;
    }
    throw new Error(`no fact ${type}; there is ${this.#effects.map(describe).join(", ") || "nothing"}`);
  }

  /** The next command to the forkserver, which has to be of this type. */
  told<Name extends ForkserverCommand["type"]>(type: Name): Told<Name> {
    const { command } = this.take("tellForkserver");
    assert(isOfType(command, type), `the forkserver is told ${type}, not ${command.type}`);
    return command;
  }

  /** The ends that the QWorker was told, as task numbers. */
  endsTold(): number[] {
    const tasks: number[] = [];
    this.#effects = this.#effects.filter((effect) => {
      if (effect.type !== "tellWorker" || effect.fact.type !== "attemptsEnded") return true;
      tasks.push(...effect.fact.attempts.map(({ task }) => Number(task)));
      return false;
    });
    return tasks;
  }

  forget(): void {
    this.#effects = [];
  }

  /** What is left. */
  unexpected(): string[] {
    return this.#effects.map(describe);
  }
}

const isOfType = <Union extends { readonly type: string }, Name extends Union["type"]>(
  value: Union,
  type: Name,
): value is Extract<Union, { type: Name }> => value.type === type;

function describe(effect: ExecutorEffect): string {
  if (effect.type === "tellWorker") return effect.fact.type;
  if (effect.type === "tellForkserver") return `${effect.command.type} to the forkserver`;
  return effect.type;
}
