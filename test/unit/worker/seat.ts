/**
 * A QWorker's core with a clock that ticks by hand and a fake TaskExecutor: tests tell it events, take the effects that they
 * expect, and end with `expect(seat.unexpected()).toEqual([])`.
 *
 * Effects are kept until they are taken. The bookkeeping (records, progress, demand, caps, acknowledgements) is there for
 * tests that ask for it; `unexpected` overlooks it, `untaken` does not.
 */
import { assert } from "../../../protocol/errors.ts";
import type { PauseMode } from "../../../protocol/fields.ts";
import type { AttemptOutcome, ExecutorCommand } from "../../../protocol/executorLink.ts";
import {
  type AttemptId,
  COMMON_POOL,
  type JobSeq,
  jobSeq,
  seatNumber,
  taskIndex,
} from "../../../protocol/ids.ts";
import type { Resources } from "../../../protocol/resources.ts";
import type { WorkerFact } from "../../../protocol/workerLink.ts";
import { noopRecord, type TaskRecord, type WorkerJobRecord } from "../../../src/store/workerRecords.ts";
import type { WorkerEffect, WorkerEvent } from "../../../worker/core/events.ts";
import type { Account, WorkerState } from "../../../worker/core/state.ts";
import { createWorker, nextWakeMs, step } from "../../../worker/core/step.ts";
import { cpus, type PlanSpec, type SmallPlan, smallPlan } from "./graphs.ts";

export const JOB = jobSeq(1);
export const OTHER_JOB = jobSeq(2);
export const GRACE_MS = 5000;
export const CRASH_LIMIT = 3;
export const LEASE_MS = 60_000;
/** Wall and monotonic clock differ, so that a mistaken one shows. */
const WALL_OFFSET_MS = 1_700_000_000_000;

export const exited = (exitCode: number): AttemptOutcome => ({ type: "exited", exitCode });
/** What exits with 0 when it is told to stop. */
export const stopped: AttemptOutcome = { type: "stopped", exitCode: 0 };
export const lost: AttemptOutcome = { type: "lost", detail: "the forkserver died" };
export const withdrawn: AttemptOutcome = { type: "withdrawn" };
export const noProcess: AttemptOutcome = { type: "notStarted", reason: "noProcess", detail: "no process" };

type Effect<Name extends WorkerEffect["type"]> = Extract<WorkerEffect, { type: Name }>;
type Fact<Name extends WorkerFact["type"]> = Extract<WorkerFact, { type: Name }>;
type Command<Name extends ExecutorCommand["type"]> = Extract<ExecutorCommand, { type: Name }>;

const BOOKKEEPING: ReadonlySet<string> = new Set([
  "recordTask",
  "recordNoopEnds",
  "recordJob",
  "archiveAttempt",
  "recordOutputs",
  "openJob",
  "reportProgress",
  "setCap",
  "acknowledgeAttempts",
  "demandSlots",
  "loanHeld",
  "loanReturned",
  "ping",
]);

/** What a seat's store would hold. */
export interface SeatStore {
  readonly jobs: Map<JobSeq, WorkerJobRecord>;
  readonly tasks: Map<JobSeq, Map<number, TaskRecord>>;
}

export interface SeatOptions {
  /** Default true; false: no manager has come yet, as while the jobs of an earlier holder are assigned. */
  readonly isGreeted?: boolean;
  readonly executorExpected?: boolean;
  readonly store?: SeatStore;
  readonly capacity?: Resources;
  readonly nowMs?: number;
  readonly pid?: number;
  readonly crashes?: number;
  readonly rebooted?: boolean;
  readonly endsTogetherMin?: number;
}

export class Seat {
  readonly state: WorkerState;
  readonly store: SeatStore;
  nowMs: number;
  /** Whether the fake TaskExecutor confirms caps by itself. */
  confirmsCaps = true;
  /** Whether the fake TaskExecutor answers `ping`. */
  answersPings = true;
  readonly #plans = new Map<JobSeq, SmallPlan>();
  #effects: WorkerEffect[] = [];
  #greetings = 0;

  constructor(options: SeatOptions = {}) {
    this.store = options.store ?? { jobs: new Map(), tasks: new Map() };
    this.nowMs = options.nowMs ?? 10_000;
    this.state = createWorker({
      seat: seatNumber(0),
      node: "n1",
      instance: "uuid",
      pid: options.pid ?? 100,
      graceMs: GRACE_MS,
      leaseMs: LEASE_MS,
      crashLimit: CRASH_LIMIT,
      endsTogetherMin: options.endsTogetherMin ?? 1000,
      executorIdleMs: 10_000,
      crashes: options.crashes ?? 0,
      rebooted: options.rebooted ?? false,
      executorExpected: options.executorExpected ?? false,
    });
    if (options.isGreeted === false) return;
    this.feed({ type: "managerSaidHello", capacity: options.capacity ?? cpus(64) });
    this.facts("workerReady");
  }

  get wallMs(): number {
    return WALL_OFFSET_MS + this.nowMs;
  }

  feed(...events: readonly WorkerEvent[]): void {
    const effects = step(this.state, { monoMs: this.nowMs, wallMs: this.wallMs }, events);
    this.#effects.push(...effects);
    const answers: WorkerEvent[] = [];
    for (const effect of effects) {
      this.#commit(effect);
      if (this.confirmsCaps && effect.type === "tellExecutor" && effect.command.type === "setCap") {
        const { job, serial } = effect.command;
        answers.push(this.capSet(serial, job));
      }
      if (this.answersPings && effect.type === "tellExecutor" && effect.command.type === "ping") {
        answers.push({ type: "executorAlive" });
      }
    }
    if (answers.length > 0) this.feed(...answers);
  }

  /** The forkserver confirms a cap; unless told otherwise, what is known to run is what runs. */
  capSet(
    serial: number,
    job: JobSeq = JOB,
    runningCpusMilli: number = this.#accountOf(job)?.runningCpusMilli ?? 0,
  ): Extract<WorkerEvent, { type: "capSet" }> {
    return { type: "capSet", job, serial, runningCpusMilli };
  }

  #accountOf(job: JobSeq): Account | undefined {
    const { jobs, pool } = this.state;
    return job === COMMON_POOL ? pool.account : jobs.get(job)?.account;
  }

  #commit(effect: WorkerEffect): void {
    if (effect.type === "recordJob") this.store.jobs.set(effect.record.job, effect.record);
    if (effect.type !== "recordTask" && effect.type !== "recordNoopEnds") return;
    const tasks = this.store.tasks.get(effect.job) ?? new Map<number, TaskRecord>();
    this.store.tasks.set(effect.job, tasks);
    if (effect.type === "recordTask") tasks.set(effect.task, effect.record);
    else
      for (const [index, task] of effect.ends.tasks.entries())
        tasks.set(task, noopRecord(effect.ends, index));
  }

  /** Lets time pass up to each timer on the way. */
  pass(durationMs: number): void {
    const untilMs = this.nowMs + durationMs;
    for (let at = nextWakeMs(this.state); at !== null && at <= untilMs; at = nextWakeMs(this.state)) {
      this.nowMs = Math.max(this.nowMs, at);
      this.feed({ type: "woken" });
    }
    this.nowMs = untilMs;
    this.feed({ type: "woken" });
  }

  assign(plan: PlanSpec | SmallPlan, job: JobSeq = JOB, priority = 0): void {
    this.#plans.set(job, isSmallPlan(plan) ? plan : smallPlan(plan));
    this.feed({ type: "jobAssigned", job, round: 1, priority, pause: null, demand: null, isPooled: false });
  }

  /** The job is assigned by its number, as by a manager that has nothing more to say of it. */
  assignAgain(pause: PauseMode | null = null): void {
    this.feed({ type: "jobAssigned", job: JOB, round: 1, priority: 0, pause, demand: null, isPooled: false });
  }

  /** Answers `loadJob` with what the store has. */
  load(job: JobSeq = JOB): void {
    const { priority } = this.take("loadJob");
    const records = [...(this.store.tasks.get(job) ?? [])].sort(([a], [b]) => a - b);
    const progress = this.store.jobs.get(job) ?? null;
    const { graph } = this.#planOf(job);
    this.feed({ type: "jobLoaded", job, round: 1, planRound: 1, priority, graph, progress, records });
  }

  lend(resources: Resources, serial: number, job: JobSeq = JOB): void {
    const id = this.state.jobs.get(job)?.account.id ?? job;
    this.feed({ type: "loanSet", job: id, serial, resources });
  }

  /** The TaskExecutor says hello; `live` are names with the attempt, as in `a#1`. */
  hello(live: readonly string[] = [], ended: readonly string[] = [], job: JobSeq = JOB): void {
    this.feed({
      type: "executorSaidHello",
      greeting: ++this.#greetings,
      pid: 200,
      live: live.map((name) => ({ ...this.id(name, job), started: null })),
      ended: ended.map((name) => this.id(name, job)),
    });
    this.take("tellExecutor", (effect) => effect.command.type === "welcome");
  }

  /** A seat whose TaskExecutor is there and whose job is loaded, with a loan. */
  static running(plan: PlanSpec | SmallPlan, loan: Resources = cpus(4), options: SeatOptions = {}): Seat {
    const seat = new Seat(options);
    seat.hello();
    seat.assign(plan);
    seat.load();
    seat.lend(loan, 1);
    return seat;
  }

  /** The seat's next holder: the same store and plans, a new core; its TaskExecutor has not said hello. */
  successor(options: Pick<SeatOptions, "crashes" | "rebooted"> = {}): Seat {
    const next = new Seat({ store: this.store, executorExpected: true, nowMs: this.nowMs, ...options });
    for (const [job, plan] of this.#plans) {
      next.assign(plan, job);
      next.load(job);
    }
    return next;
  }

  id(name: string, job: JobSeq = JOB): AttemptId {
    const [task = "", attempt = "1"] = name.split("#");
    const index = this.#planOf(job).names.indexOf(task);
    assert(index >= 0, `${task} is a task of job ${job}`);
    return { job, task: taskIndex(index), attempt: Number(attempt) };
  }

  start(...names: readonly string[]): void {
    const attempts = names.map((name) => ({
      ...this.id(name),
      startedAtMs: this.wallMs,
      startedMonoMs: this.nowMs,
      pid: 300,
    }));
    this.feed({ type: "attemptsStarted", attempts });
  }

  end(name: string, outcome: AttemptOutcome = exited(0), ranMs = 1000, job: JobSeq = JOB): void {
    const runs = outcome.type !== "withdrawn" && outcome.type !== "notStarted";
    const ended = {
      ...this.id(name, job),
      outcome,
      startedAtMs: runs ? this.wallMs - ranMs : null,
      startedMonoMs: runs ? this.nowMs - ranMs : null,
      endedAtMs: this.wallMs,
      endedMonoMs: this.nowMs,
      usage: null,
      stdout: null,
      stderr: null,
    };
    this.feed({ type: "attemptsEnded", attempts: [ended] });
  }

  succeed(...names: readonly string[]): void {
    for (const name of names) this.end(name);
  }

  take<Name extends WorkerEffect["type"]>(
    type: Name,
    matches: (effect: Effect<Name>) => boolean = () => true,
  ): Effect<Name> {
    for (const [index, effect] of this.#effects.entries()) {
      if (!isOfType(effect, type) || !matches(effect)) continue;
      this.#effects.splice(index, 1);
      return effect;
    }
    throw new Error(`no such ${type}; there is ${this.#effects.map(describe).join(", ") || "nothing"}`);
  }

  takeAll<Name extends WorkerEffect["type"]>(type: Name): Effect<Name>[] {
    const taken: Effect<Name>[] = [];
    const kept: WorkerEffect[] = [];
    for (const effect of this.#effects) {
      if (isOfType(effect, type)) taken.push(effect);
      else kept.push(effect);
    }
    this.#effects = kept;
    return taken;
  }

  /** Attempts sent to the TaskExecutor since the last look: `a#1`. */
  sent(): string[] {
    return this.takeAll("runAttempt").map(({ job, task, attempt }) => `${this.name(job, task)}#${attempt}`);
  }

  /** Attempts that were told to stop since the last look. */
  stopped(): string[] {
    return this.commands("stopAttempts").flatMap(({ attempts }) =>
      attempts.map(({ job, task, attempt }) => `${this.name(job, task)}#${attempt}`),
    );
  }

  commands<Name extends ExecutorCommand["type"]>(type: Name): Command<Name>[] {
    const taken: Command<Name>[] = [];
    this.#effects = this.#effects.filter((effect) => {
      if (effect.type !== "tellExecutor" || !isOfType(effect.command, type)) return true;
      taken.push(effect.command);
      return false;
    });
    return taken;
  }

  facts<Name extends WorkerFact["type"]>(type: Name): Fact<Name>[] {
    const taken: Fact<Name>[] = [];
    this.#effects = this.#effects.filter((effect) => {
      if (effect.type !== "tellManager" || !isOfType(effect.fact, type)) return true;
      taken.push(effect.fact);
      return false;
    });
    return taken;
  }

  /** What was recorded of tasks since the last look: `a succeeded`. */
  records(): string[] {
    return this.takeAll("recordTask").map(
      ({ job, task, record }) => `${this.name(job, task)} ${record.state}`,
    );
  }

  /** The latest record of a task. */
  record(name: string, job: JobSeq = JOB): TaskRecord {
    const record = this.store.tasks.get(job)?.get(this.id(name, job).task);
    assert(record !== undefined, `${name} has a record`);
    return record;
  }

  /** How the job ended, told once. */
  finished(): string {
    return this.take("reportFinished").report.state;
  }

  /** What is left beside the bookkeeping; then all is forgotten. */
  unexpected(): string[] {
    const left = this.untaken().filter((name) => !BOOKKEEPING.has(name));
    this.#effects = [];
    return left;
  }

  untaken(): string[] {
    return this.#effects.map(describe);
  }

  /** Overlooks the bookkeeping so far. */
  forget(): void {
    this.#effects = this.#effects.filter((effect) => !BOOKKEEPING.has(describe(effect)));
  }

  name(job: JobSeq, task: number): string {
    return this.#planOf(job).names[task] ?? `task ${task}`;
  }

  #planOf(job: JobSeq): SmallPlan {
    const plan = this.#plans.get(job);
    assert(plan !== undefined, `job ${job} was assigned`);
    return plan;
  }
}

const isSmallPlan = (plan: PlanSpec | SmallPlan): plan is SmallPlan => "graph" in plan && "names" in plan;

const isOfType = <Union extends { readonly type: string }, Name extends Union["type"]>(
  value: Union,
  type: Name,
): value is Extract<Union, { type: Name }> => value.type === type;

function describe(effect: WorkerEffect): string {
  if (effect.type === "tellExecutor") return effect.command.type;
  if (effect.type === "tellManager") return effect.fact.type;
  return effect.type;
}
