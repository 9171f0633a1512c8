/** The QManager as a simulated process around its real core: what manager/main.ts, lock.ts, persist.ts and qmanager.ts do, step by step. */
import { type ClientReply, clientRequestSchema } from "../../protocol/clientLink.ts";
import { decodeFrame } from "../../protocol/codec.ts";
import { QrewError } from "../../protocol/errors.ts";
import { jobSeq, MANAGER_SOCKET_NAME, type SeatNumber } from "../../protocol/ids.ts";
import { isFinalJobState } from "../../protocol/states.ts";
import type { ManagerCommand } from "../../protocol/workerLink.ts";
import type { ClientId, ManagerEffect, ManagerEvent } from "../../manager/core/events.ts";
import { summaryOf } from "../../manager/core/following.ts";
import type { ManagerState } from "../../manager/core/state.ts";
import { createManager, step } from "../../manager/core/step.ts";
import { NUMBERS_PER_FLUSH_MAX } from "../../manager/jobStorage.ts";
import { persist } from "../../manager/persist.ts";
import type { HolderRecord } from "../../src/store/managerRecords.ts";
import {
  listJobs,
  listSeats,
  putEnvironment,
  putHolder,
  putJob,
  readHolder,
  readJob,
  readNextJob,
  reserveJobNumbers,
} from "../../src/store/managerStore.ts";
import { listDeletions } from "../../src/store/deletions.ts";
import { putPlan } from "../../src/store/plans.ts";
import { borrowingOf } from "../../src/workflow/demand.ts";
import { decodePlan } from "../../src/workflow/decodePlan.ts";
import { putSubmissionKey, readSubmissionKey } from "../../src/store/submissionKeys.ts";
import { SimLoop } from "./actorLoop.ts";
import type { SimStore } from "./disk.ts";
import type { SimProcess } from "./machine.ts";
import { takesHoldersForDead } from "./mutations.ts";
import { SimRouter } from "./network.ts";
import type { Random } from "./random.ts";
import { askSeats, clearAway, markJobsDeleted } from "./managerActs.ts";
import { SimSeats } from "./seats.ts";
import { GRACE_MS, INSTANCE, LEASE_MS, type World } from "./world.ts";

/** As in manager/qmanager.ts. */
const STORE_RETRY_MS = 500;
const CLIENT_EPOCH = 0;

type StoreJob = Extract<ManagerEffect, { type: "storeJob" }>;

export class SimManager {
  readonly process: SimProcess;
  readonly #world: World;
  readonly #random: Random;
  readonly #store: SimStore;
  readonly #router: SimRouter;
  #loop: SimLoop<ManagerEvent> | null = null;
  #seats: SimSeats | null = null;
  #holder: HolderRecord | null = null;
  /** The machine went down under the manager before this one. */
  #wasCut = false;
  readonly #documents = new Map<number, Uint8Array>();
  readonly #plans = new Map<number, Uint8Array>();

  constructor(world: World) {
    this.#world = world;
    this.#random = world.random("manager");
    this.process = world.machine.spawn("manager");
    this.#store = world.disk.open("manager");
    this.#router = new SimRouter(this.process, (client, bytes) => this.#onFrame(client, bytes));
    this.process.after(this.#random.between(20, 100), () => this.#begin());
  }

  #begin(): void {
    try {
      // As openLmdbStore: what an earlier writer has left is on disk before anything is added to it.
      this.#store.flushUpTo(this.#store.committed);
      const holder = this.#takeLock();
      askSeats(this.#world, this.#store, holder.bootId);
      this.#holder = holder;
      const state = this.#initialState(holder);
      this.#seats = new SimSeats(this.#world, this.process, this.#store, holder.epoch, {
        onStarted: (seat, epoch, pid) => this.push({ type: "workerStarted", seat, epoch, pid }),
        onReconnected: (seat, epoch) => this.push({ type: "workerReconnected", seat, epoch }),
        onFact: (seat, epoch, fact) => this.push({ type: "workerTold", seat, epoch, fact }),
        onLost: (seat, epoch, { code, message }) => {
          const damage = code === "storeDamaged" ? message : null;
          this.push({ type: "workerLost", seat, epoch, damage });
        },
      });
      this.#loop = new SimLoop(this.#world, this.process, {
        onBatch: (events, done) => this.#turn(state, events, done),
        nextWakeMs: () => state.wakeAtMs,
      });
      this.#world.network.bind(MANAGER_SOCKET_NAME, this.#router);
      this.push({ type: "woken" });
    } catch (error) {
      this.#fail(error);
    }
  }

  #takeLock(): HolderRecord {
    const name = this.#world.machine.nameOf(this.process);
    return this.#store.write((writer) => {
      const before = readHolder(writer);
      this.#wasCut = before !== null && before.bootId !== name.bootId;
      const record: HolderRecord = {
        ...name,
        epoch: (before?.epoch ?? 0) + 1,
        packageVersion: "0",
        startedAtMs: this.#world.machine.wallMs(),
        leaving: false,
      };
      putHolder(writer, record);
      return record;
    });
  }

  #initialState(holder: HolderRecord): ManagerState {
    const { capacity, workersMax: usual } = this.#world.settings;
    // It may be started with fewer cpus than before, or more.
    const workersMax = this.#random.chance(0.3) ? this.#random.between(1, 3) : usual;
    const unfinished = this.#store.read((reader) =>
      listJobs(reader, { limit: 1000, states: ["queued", "running", "paused"] }),
    );
    return createManager(
      {
        epoch: holder.epoch,
        packageVersion: "0",
        instance: INSTANCE,
        pid: holder.pid,
        startedAtMs: holder.startedAtMs,
        capacity,
        workersMax,
        transient: false,
        idleMs: 30_000,
        graceMs: GRACE_MS,
        leaseMs: LEASE_MS,
        prune: null,
      },
      unfinished.toReversed(),
      jobSeq(this.#store.read(readNextJob) + (this.#wasCut ? NUMBERS_PER_FLUSH_MAX : 0)),
      this.#store
        .read(listSeats)
        .filter(() => !takesHoldersForDead(this.#world.mutation))
        .filter((record) => record.pid === 0 || this.#world.machine.find(record) !== null)
        .map(({ seat, epoch, pid }) => ({ seat, epoch, pid: pid === 0 ? null : pid })),
      this.#store.read(listDeletions),
    );
  }

  push(event: ManagerEvent): void {
    this.#loop?.push(event);
  }

  #onFrame(client: ClientId, bytes: Uint8Array): void {
    const frame = decodeFrame(bytes, clientRequestSchema);
    if (!frame.ok) return this.#world.invariants.onMalformed("manager", frame.detail);
    for (const request of frame.messages) this.push({ type: "clientAsked", client, request });
  }

  #fail(error: unknown): void {
    this.#world.noteFailure(this.process, error);
    this.process.end();
  }

  #turn(state: ManagerState, events: readonly ManagerEvent[], done: () => void): void {
    const { machine } = this.#world;
    const effects = step(state, { monoMs: machine.monoMs(), wallMs: machine.wallMs() }, events);
    this.#world.noteTurn(this.process, events, effects);
    if (effects.length === 0) return done();
    if (this.#world.faults.crashesNow(this.process)) return;
    this.#persist(effects, () => {
      if (this.#world.faults.crashesNow(this.process)) return;
      this.#perform(state, effects);
      done();
    });
  }

  #persist(effects: readonly ManagerEffect[], then: () => void): void {
    try {
      persist(this.#store, effects);
    } catch (error) {
      if (QrewError.from(error).code !== "storeFull") return this.#fail(error);
      this.process.after(STORE_RETRY_MS, () => this.#persist(effects, then));
      return;
    }
    then();
  }

  #perform(state: ManagerState, effects: readonly ManagerEffect[]): void {
    const commands = new Map<SeatNumber, ManagerCommand[]>();
    const flushed: { client: ClientId; reply: ClientReply }[] = [];
    for (const effect of effects) {
      if (effect.type === "tellWorker") {
        if (effect.command.type === "assignJob") this.#world.faults.afterAssignment();
        const batch = commands.get(effect.seat);
        if (batch === undefined) commands.set(effect.seat, [effect.command]);
        else batch.push(effect.command);
      } else if (effect.type === "replyFlushed") flushed.push(effect);
      else this.#performOne(state, effect);
    }
    for (const [seat, batch] of commands) this.#seats?.tell(seat, batch);
    if (flushed.length > 0) this.#replyFlushed(flushed);
  }

  #replyFlushed(replies: readonly { client: ClientId; reply: ClientReply }[]): void {
    const tell = (): void => {
      for (const { client, reply } of replies) this.#reply(client, reply);
    };
    if (this.#world.mutation === "toldBeforeFlush") tell();
    else this.#world.flush(this.process, this.#store, tell);
  }

  #performOne(
    state: ManagerState,
    effect: Exclude<ManagerEffect, { type: "tellWorker" | "replyFlushed" }>,
  ): void {
    switch (effect.type) {
      case "recordJob":
        return;
      case "reply":
        return this.#reply(effect.client, effect.reply);
      case "replyFromStore":
        return this.#replyFromStore(effect);
      case "keepDocument":
        this.#documents.set(effect.submission, effect.bytes);
        return;
      case "storeChunk": {
        const { submission, index, bytes } = effect;
        this.#documents.set(submission, bytes);
        this.process.after(1, () => this.push({ type: "chunkStored", submission, index }));
        return;
      }
      case "planDocument":
        return this.#plan(state, effect.submission);
      case "lookUpKey":
        return this.#lookUpKey(effect);
      case "findEndedJob": {
        const { client, request, job } = effect;
        const record = this.#store.read((reader) => readJob(reader, job));
        return this.push({ type: "endedJobFound", client, request, job, record });
      }
      case "storeRound":
        return this.#storeRound(effect);
      case "markDeleted":
        return this.#answerDeletion(effect);
      case "listJobs":
        // There is no policy.
        return;
      case "finishDeletion":
        return clearAway(this.#store, effect.job, this.#random.skewed(0.1, 5), this.process);
      case "storeJob":
        return this.#storeJob(effect);
      case "flushRound":
        return this.#flushRound(effect);
      case "forgetSubmission":
        this.#documents.delete(effect.submission);
        this.#plans.delete(effect.submission);
        return;
      case "startWorker":
        return this.#seats?.start(effect.seat);
      case "adoptWorker":
        return this.#seats?.adopt(effect.seat);
      case "killWorker":
        return this.#seats?.kill(effect.seat);
      case "announceLeaving":
        return this.#announceLeaving();
      case "leave":
        this.#loop?.stop();
        this.process.after(5, () => this.process.end());
        return;
      default:
        effect satisfies never;
    }
  }

  #reply(client: ClientId, reply: ClientReply): void {
    this.#router.send(client, CLIENT_EPOCH, [reply]);
  }

  #replyFromStore(effect: Extract<ManagerEffect, { type: "replyFromStore" }>): void {
    const { client, request, job } = effect;
    const record = this.#store.read((reader) => readJob(reader, job));
    const message = `There is no job ${job}.`;
    const reply: ClientReply =
      record === null
        ? { type: "refused", request, code: "notFound", message }
        : { type: "jobChanged", request, summary: summaryOf(record), running: [] };
    this.#replyFlushed([{ client, reply }]);
  }

  #plan(state: ManagerState, submission: number): void {
    this.process.after(this.#random.between(1, 50), () => {
      const document = this.#documents.get(submission);
      const found = document === undefined ? null : this.#world.versionOfDocument(document);
      if (found === null) return;
      const { script, version } = found;
      this.#plans.set(submission, version.plan);
      const { graph } = decodePlan(version.plan);
      const taskCount = version.tasks.length;
      const borrowing = borrowingOf(graph, state.options.capacity);
      this.push({ type: "documentPlanned", submission, name: script.name, taskCount, ...borrowing });
    });
  }

  #lookUpKey({ submission, key }: Extract<ManagerEffect, { type: "lookUpKey" }>): void {
    const digest = Buffer.from(this.#documents.get(submission) ?? "").toString("hex");
    const found = this.#store.read((reader) => {
      const known = readSubmissionKey(reader, key);
      const record = known === null ? null : readJob(reader, known.job);
      if (known === null || record === null) return null;
      return { job: record.job, tasks: record.tasks.total, digest: known.digest };
    });
    this.push({ type: "keyLookedUp", submission, digest, found });
  }

  /** As `storeJob` of manager/persist.ts, with a chance to die between the transactions. */
  #storeJob(effect: StoreJob): void {
    const { submission, record, options, key } = effect;
    const plan = this.#plans.get(submission);
    if (plan === undefined) return;
    const directory = "/work-folder";
    const stored = { ...record, directory };
    const later = (act: () => void): void =>
      this.process.after(this.#random.skewed(0.1, 3), () => {
        if (!this.#world.faults.crashesNow(this.process)) this.#tryStore(submission, act);
      });
    this.#tryStore(submission, () => {
      this.#store.write((writer) => reserveJobNumbers(writer, [record.job]));
      later(() => {
        this.#store.write((writer) => putPlan(writer, record.job, plan));
        later(() => {
          this.#store.write((writer) => {
            putEnvironment(writer, record.job, { env: options.env, directory, umask: options.umask });
            if (key !== null) putSubmissionKey(writer, key.key, { job: record.job, digest: key.digest });
            putJob(writer, stored);
          });
          this.push({ type: "jobStored", submission, record: stored });
        });
      });
    });
  }

  /** As `storeRound` of manager/persist.ts. */
  #storeRound(effect: Extract<ManagerEffect, { type: "storeRound" }>): void {
    const { submission, job, source, taskCount } = effect;
    const plan = this.#plans.get(submission);
    const record = this.#store.read((reader) => readJob(reader, job));
    if (plan === undefined) return;
    if (record === null || !isFinalJobState(record.state)) {
      return this.push({
        type: "submissionFailed",
        submission,
        code: "refused",
        message: "It has not ended.",
      });
    }
    this.#tryStore(submission, () => {
      this.#store.write((writer) => putPlan(writer, job, plan, record.round + 1));
      this.#world.flush(this.process, this.#store, () =>
        this.push({ type: "roundStored", submission, record, source, taskCount }),
      );
    });
  }

  #answerDeletion(effect: Extract<ManagerEffect, { type: "markDeleted" }>): void {
    const answer = markJobsDeleted(this.#store, effect);
    if (answer.type === "jobsMarked") this.push(answer);
    else if (effect.asked !== null) this.#reply(effect.asked.client, answer);
  }

  #flushRound({ job, round }: Extract<ManagerEffect, { type: "flushRound" }>): void {
    const told = (): void => this.push({ type: "roundFlushed", job, round });
    if (this.#world.mutation === "roundBeforeFlush") told();
    else this.#world.flush(this.process, this.#store, told);
  }

  #tryStore(submission: number, act: () => void): void {
    try {
      act();
    } catch (error) {
      const { code, message } = QrewError.from(error);
      if (code !== "storeFull") return this.#fail(error);
      this.push({ type: "submissionFailed", submission, code, message });
    }
  }

  #announceLeaving(): void {
    const holder = this.#holder;
    if (holder === null) return;
    try {
      this.#store.write((writer) => {
        if (readHolder(writer)?.epoch === holder.epoch) putHolder(writer, { ...holder, leaving: true });
      });
    } catch (error) {
      return this.#fail(error);
    }
    this.#world.network.hide(MANAGER_SOCKET_NAME, this.#router);
  }
}
