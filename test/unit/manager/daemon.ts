/**
 * A QManager's core with a clock that ticks by hand: tests tell it events, take the effects that they expect, and end with
 * `expect(daemon.unexpected()).toEqual([])`. Effects are kept until they are taken; `unexpected` overlooks records and what
 * followers are told.
 */
import { assert } from "../../../protocol/errors.ts";
import type { ClientReply, ClientRequest } from "../../../protocol/clientLink.ts";
import type { JobState, TaskCounts } from "../../../protocol/fields.ts";
import { COMMON_POOL, type JobSeq, jobSeq, type SeatNumber, seatNumber } from "../../../protocol/ids.ts";
import type { Resources } from "../../../protocol/resources.ts";
import { NO_RESOURCES } from "../../../src/node/resources.ts";
import type { JobReport, ManagerCommand, WorkerFact } from "../../../protocol/workerLink.ts";
import type { ManagerEffect, ManagerEvent } from "../../../manager/core/events.ts";
import type { KnownHolder, ManagerOptions, ManagerState } from "../../../manager/core/state.ts";
import { createManager, step } from "../../../manager/core/step.ts";
import type { JobRecord } from "../../../src/store/managerRecords.ts";

export const CLIENT = "client-1";
export const SEAT = seatNumber(0);
export const GRACE_MS = 5000;
export const LEASE_MS = 60_000;
const WALL_OFFSET_MS = 1_700_000_000_000;

export const cpus = (count: number, others: Partial<Resources> = {}): Resources => ({
  cpusMilli: count * 1000,
  memoryBytes: 0,
  gpusMilli: 0,
  named: {},
  ...others,
});

export const waiting = (total: number): TaskCounts => ({
  total,
  waiting: total,
  ready: 0,
  running: 0,
  backoff: 0,
  succeeded: 0,
  failed: 0,
  cancelled: 0,
  skipped: 0,
});

export const jobRecord = (job: number, others: Partial<JobRecord> = {}): JobRecord => ({
  job: jobSeq(job),
  name: `job ${job}`,
  state: "queued",
  round: 1,
  planRound: 1,
  priority: 0,
  directory: "/tmp",
  source: "w.yaml",
  createdAtMs: 0,
  startedAtMs: null,
  finishedAtMs: null,
  seat: null,
  cancelRequested: false,
  pause: "off",
  parked: null,
  tasks: waiting(10),
  detail: null,
  ...others,
});

/** Without its number, which the daemon gives. */
export type Asked = ClientRequest extends infer Request
  ? Request extends ClientRequest
    ? Omit<Request, "request">
    : never
  : never;

type Effect<Name extends ManagerEffect["type"]> = Extract<ManagerEffect, { type: Name }>;
type Command<Name extends ManagerCommand["type"]> = Extract<ManagerCommand, { type: Name }>;
type Reply<Name extends ClientReply["type"]> = Extract<ClientReply, { type: Name }>;

const BOOKKEEPING: ReadonlySet<string> = new Set(["recordJob", "jobChanged"]);

/** What a QWorker says of its pool that has never lent anything to it. */
export const UNUSED_POOL = { job: COMMON_POOL, serial: 0, resources: NO_RESOURCES, inForce: true } as const;

export class Daemon {
  readonly state: ManagerState;
  nowMs = 10_000;
  /** QWorkers that do not answer `ping`; it is overlooked otherwise. */
  readonly silent = new Set<SeatNumber>();
  /** The disk takes its time: nobody says `roundFlushed`. */
  holdsFlushes = false;
  #effects: ManagerEffect[] = [];
  #epoch = 0;
  #request = 100;

  constructor(
    options: Partial<ManagerOptions> = {},
    unfinished: readonly JobRecord[] = [],
    holders: readonly KnownHolder[] = [],
    deletions: readonly { readonly job: JobSeq; readonly seat: SeatNumber | null }[] = [],
  ) {
    const all: ManagerOptions = {
      epoch: 1,
      packageVersion: "1.0.0",
      instance: "uuid",
      pid: 50,
      startedAtMs: 0,
      capacity: cpus(4),
      workersMax: 4,
      transient: false,
      idleMs: 30_000,
      graceMs: GRACE_MS,
      leaseMs: LEASE_MS,
      prune: null,
      ...options,
    };
    const numbers = unfinished.map(({ job }) => Number(job));
    this.state = createManager(all, unfinished, Math.max(0, ...numbers) + 1, holders, deletions);
  }

  get wallMs(): number {
    return WALL_OFFSET_MS + this.nowMs;
  }

  feed(...events: readonly ManagerEvent[]): void {
    const answers: ManagerEvent[] = [];
    for (const effect of step(this.state, { monoMs: this.nowMs, wallMs: this.wallMs }, events)) {
      if (effect.type === "flushRound" && !this.holdsFlushes) {
        answers.push({ type: "roundFlushed", job: effect.job, round: effect.round });
      } else if (effect.type !== "tellWorker" || effect.command.type !== "ping") this.#effects.push(effect);
      else if (!this.silent.has(effect.seat)) {
        const { seat } = effect;
        answers.push({ type: "workerTold", seat, epoch: this.epochOf(seat), fact: { type: "alive" } });
      }
    }
    if (answers.length > 0) this.feed(...answers);
  }

  /** Lets time pass, waking the core when it wants to be woken. */
  pass(durationMs: number): void {
    const untilMs = this.nowMs + durationMs;
    for (let at = this.state.wakeAtMs; at !== null && at <= untilMs; at = this.state.wakeAtMs) {
      this.nowMs = Math.max(this.nowMs, at);
      this.feed({ type: "woken" });
      // A wish to be woken in the past would be a loop that never sleeps.
      if (this.state.wakeAtMs !== null && this.state.wakeAtMs <= this.nowMs) this.nowMs += 1;
    }
    this.nowMs = untilMs;
    this.feed({ type: "woken" });
  }

  ask(asked: Asked, client: string = CLIENT): number {
    const request = ++this.#request;
    this.feed({ type: "clientAsked", client, request: { ...asked, request } });
    return request;
  }

  /** Jobs as if they had just been stored, in this order. */
  store(...records: readonly JobRecord[]): void {
    this.state.nextJob = Math.max(this.state.nextJob, ...records.map(({ job }) => job + 1));
    this.feed(...records.map((record) => ({ type: "jobStored", submission: 0, record }) as const));
  }

  /** The QWorker of a seat has been started (the next epoch), and is ready with nothing unless told otherwise. */
  ready(seat: SeatNumber = SEAT, told: Partial<Extract<WorkerFact, { type: "workerReady" }>> = {}): number {
    const epoch = ++this.#epoch;
    const pid = 1000 + epoch;
    this.feed({ type: "workerStarted", seat, epoch, pid });
    this.command("hello", seat);
    this.feed({
      type: "workerTold",
      seat,
      epoch,
      fact: {
        type: "workerReady",
        seat,
        pid,
        jobs: [],
        ...told,
        loans: [UNUSED_POOL, ...(told.loans ?? [])],
      },
    });
    return epoch;
  }

  tell(fact: WorkerFact, seat: SeatNumber = SEAT): void {
    this.feed({ type: "workerTold", seat, epoch: this.epochOf(seat), fact });
  }

  epochOf(seat: SeatNumber): number {
    const found = this.state.seats.get(seat);
    assert(found !== undefined && found.type !== "absent", `seat ${seat} has a holder`);
    return found.epoch;
  }

  lose(seat: SeatNumber = SEAT, damage: string | null = null): void {
    this.feed({ type: "workerLost", seat, epoch: this.epochOf(seat), damage });
  }

  finish(job: number, state: JobState = "succeeded", seat: SeatNumber = SEAT): void {
    this.tell(
      { type: "jobFinished", report: report(job, 99, { state }), finishedAtMs: this.wallMs, detail: null },
      seat,
    );
  }

  /** The document of a submission is sound. */
  plan(submission: number, others: Partial<Extract<ManagerEvent, { type: "documentPlanned" }>> = {}): void {
    const found = { name: null, taskCount: 1, demand: [], isOrdinarySingle: false, ...others };
    this.feed({ type: "documentPlanned", submission, ...found });
  }

  take<Name extends ManagerEffect["type"]>(
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

  takeAll<Name extends ManagerEffect["type"]>(type: Name): Effect<Name>[] {
    const taken: Effect<Name>[] = [];
    this.#effects = this.#effects.filter((effect) => {
      if (!isOfType(effect, type)) return true;
      taken.push(effect);
      return false;
    });
    return taken;
  }

  /** The one command of this type to the seat. */
  command<Name extends ManagerCommand["type"]>(type: Name, seat: SeatNumber = SEAT): Command<Name> {
    const { command } = this.take(
      "tellWorker",
      (effect) => effect.seat === seat && effect.command.type === type,
    );
    assert(isOfType(command, type), "it was looked for by its type");
    return command;
  }

  commands<Name extends ManagerCommand["type"]>(type: Name): (Command<Name> & { seat: SeatNumber })[] {
    const taken: (Command<Name> & { seat: SeatNumber })[] = [];
    this.#effects = this.#effects.filter((effect) => {
      if (effect.type !== "tellWorker" || !isOfType(effect.command, type)) return true;
      taken.push({ seat: effect.seat, ...effect.command });
      return false;
    });
    return taken;
  }

  /** The one reply of this type to the client; flushed first where the effect says so. */
  reply<Name extends ClientReply["type"]>(type: Name, client: string = CLIENT): Reply<Name> {
    for (const [index, effect] of this.#effects.entries()) {
      if (effect.type !== "reply" && effect.type !== "replyFlushed") continue;
      if (effect.client !== client || !isOfType(effect.reply, type)) continue;
      this.#effects.splice(index, 1);
      return effect.reply;
    }
    throw new Error(`no reply ${type}; there is ${this.#effects.map(describe).join(", ") || "nothing"}`);
  }

  /** What followers were told, as `state of job, flushed?`. */
  changes(client: string = CLIENT): { job: JobSeq; state: JobState; flushed: boolean }[] {
    const taken: { job: JobSeq; state: JobState; flushed: boolean }[] = [];
    this.#effects = this.#effects.filter((effect) => {
      if (effect.type !== "reply" && effect.type !== "replyFlushed") return true;
      if (effect.client !== client || effect.reply.type !== "jobChanged") return true;
      const { job, state } = effect.reply.summary;
      taken.push({ job, state, flushed: effect.type === "replyFlushed" });
      return false;
    });
    return taken;
  }

  /** Overlooks everything so far. */
  forget(): void {
    this.#effects = [];
  }

  /** What is left beside the bookkeeping; then all is forgotten. */
  unexpected(): string[] {
    const left = this.#effects.map(describe).filter((name) => !BOOKKEEPING.has(name));
    this.#effects = [];
    return left;
  }
}

export function report(job: number, seq: number, others: Partial<JobReport> = {}): JobReport {
  return {
    job: jobSeq(job),
    round: 1,
    state: "running",
    tasks: waiting(10),
    seq,
    running: [],
    isPooled: false,
    ...others,
  };
}

const isOfType = <Union extends { readonly type: string }, Name extends Union["type"]>(
  value: Union,
  type: Name,
): value is Extract<Union, { type: Name }> => value.type === type;

function describe(effect: ManagerEffect): string {
  if (effect.type === "tellWorker") return `${effect.command.type} to ${effect.seat}`;
  if (effect.type === "reply" || effect.type === "replyFlushed") return effect.reply.type;
  return effect.type;
}
