/**
 * The QManager as a process: turns frames, exits and timers into events, has the core decide, commits what is to be recorded, and
 * only then tells anybody.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { type ClientReply, clientRequestSchema, type SubmissionOptions } from "../protocol/clientLink.ts";
import { decodeFrame } from "../protocol/codec.ts";
import { assertNever, QrewError } from "../protocol/errors.ts";
import type { JobSeq, SeatNumber } from "../protocol/ids.ts";
import type { ManagerCommand } from "../protocol/workerLink.ts";
import { ActorLoop, monotonicMs } from "../src/link/loop.ts";
import type { Refusals } from "../src/link/refusals.ts";
import type { RouterLink } from "../src/link/router.ts";
import { listJobs, readEnvironment, readJob } from "../src/store/managerStore.ts";
import type { Store } from "../src/store/port.ts";
import { readSubmissionKey } from "../src/store/submissionKeys.ts";
import type { ClientId, FlushedReply, ManagerEffect, ManagerEvent } from "./core/events.ts";
import { summaryOf } from "./core/following.ts";
import type { ManagerState } from "./core/state.ts";
import { step } from "./core/step.ts";
import { JobStorage } from "./jobStorage.ts";
import { persist, storeRound } from "./persist.ts";
import { clearAway, markAllDeleted } from "./pruning.ts";
import type { PlannerAnswer } from "./plannerMessages.ts";
import type { Planner } from "./planner.ts";
import { type Staging, submissionDigest } from "./staging.ts";
import type { Workers } from "./workers.ts";
import { TransientMap } from "../src/transientMap.ts";

/** Before a write that failed for want of room is tried again. */
const STORE_RETRY_MS = 500;
/** Before what is left of a deleted job is removed after a failure for want of room. */
const CLEAR_RETRY_MS = 5000;
const FLUSH_MS = 1000;
/** libzmq keeps a thousand frames for a client that does not read: with so many answers of a kilobyte that is 32 MB. */
const FRAME_REPLIES_MAX = 32;
/** Frames of the manager carry its own epoch to QWorkers; clients do not heed it. */
const CLIENT_EPOCH = 0;

export interface ManagerParts {
  readonly home: string;
  readonly state: ManagerState;
  readonly store: Store;
  readonly router: RouterLink;
  readonly workers: Workers;
  readonly planner: Planner;
  readonly staging: Staging;
  readonly refusals: Refusals;
  readonly logger: Logger;
  readonly announceLeaving: () => void;
  readonly exit: (code: number) => void;
}

export class QManager {
  readonly #parts: ManagerParts;
  readonly #loop: ActorLoop<ManagerEvent>;
  /** Plans of documents that are about to be stored. */
  readonly #plans = new TransientMap<number, Uint8Array>();
  readonly #jobStorage: JobStorage;
  /** Of this turn of the event loop: what goes to one client is one frame. */
  #replies = new Map<ClientId, ClientReply[]>();

  constructor(parts: ManagerParts) {
    this.#parts = parts;
    this.#jobStorage = new JobStorage(parts.store, parts.home);
    this.#loop = new ActorLoop<ManagerEvent>({
      onBatch: (events) => this.#turn(events),
      nextWakeMs: () => parts.state.wakeAtMs,
      onFault: (error) => this.fail(error),
    });
  }

  push(event: ManagerEvent): void {
    this.#loop.push(event);
  }

  onFrame(client: ClientId, bytes: Uint8Array): void {
    const frame = decodeFrame(bytes, clientRequestSchema);
    if (frame.ok) {
      for (const request of frame.messages) this.push({ type: "clientAsked", client, request });
      return;
    }
    this.#parts.refusals.add(frame.fault);
    // Whoever does not speak qrew is not answered; another version is told so, in the frame that all versions can read.
    if (frame.fault === "notQrew") return;
    const code = frame.fault === "otherVersion" ? "otherVersion" : "refused";
    const message = `The manager cannot read this request (${frame.detail}).`;
    this.#reply(client, { type: "refused", request: 0, code, message });
  }

  onPlanned(answer: PlannerAnswer): void {
    const { id: submission } = answer;
    switch (answer.type) {
      case "planned":
        this.#plans.set(submission, answer.plan);
        return this.push({
          type: "documentPlanned",
          submission,
          name: answer.name,
          taskCount: answer.taskCount,
          demand: answer.demand,
          isOrdinarySingle: answer.isOrdinarySingle,
        });
      case "invalid":
        return this.push({
          type: "documentRejected",
          submission,
          faults: answer.faults,
          total: answer.total,
        });
      case "failed":
        return this.push({ type: "submissionFailed", submission, code: "refused", message: answer.message });
      default:
        assertNever(answer);
    }
  }

  /** A defect, or a store that is gone. QWorkers go on; the next manager adopts them. */
  fail(error: unknown): void {
    this.#parts.logger.error({ err: error }, `the manager ends: ${QrewError.from(error).message}`);
    this.#parts.exit(1);
  }

  async #turn(events: readonly ManagerEvent[]): Promise<void> {
    const effects = step(this.#parts.state, { monoMs: monotonicMs(), wallMs: Date.now() }, events);
    if (effects.length === 0) return;
    await this.#persist(effects);
    this.#perform(effects);
  }

  async #persist(effects: readonly ManagerEffect[]): Promise<void> {
    for (;;) {
      try {
        return persist(this.#parts.store, effects);
      } catch (error) {
        if (QrewError.from(error).code !== "storeFull") throw error;
        this.#parts.logger.warn(`waiting for room on the disk: ${QrewError.from(error).message}`);
        await delay(STORE_RETRY_MS);
      }
    }
  }

  #perform(effects: readonly ManagerEffect[]): void {
    const commands = new Map<SeatNumber, ManagerCommand[]>();
    const flushed: FlushedReply[] = [];
    for (const effect of effects) {
      if (effect.type === "tellWorker") {
        const batch = commands.get(effect.seat);
        if (batch === undefined) commands.set(effect.seat, [effect.command]);
        else batch.push(effect.command);
      } else if (effect.type === "replyFlushed") flushed.push(effect);
      else this.#performOne(effect);
    }
    for (const [seat, batch] of commands) this.#parts.workers.tell(seat, batch);
    if (flushed.length > 0) void this.#replyFlushed(flushed);
  }

  async #replyFlushed(replies: readonly FlushedReply[]): Promise<void> {
    try {
      await this.#parts.store.flushed();
    } catch (error) {
      return this.fail(error);
    }
    for (const { client, reply, mayWait } of replies) {
      // Unless what it may wait for was quicker.
      if (mayWait && this.#parts.state.followers.has(client))
        this.#parts.router.sendLater(client, CLIENT_EPOCH, [reply]);
      else this.#reply(client, reply);
    }
  }

  #performOne(effect: Exclude<ManagerEffect, { type: "tellWorker" | "replyFlushed" }>): void {
    const { workers, planner, staging, state } = this.#parts;
    switch (effect.type) {
      case "recordJob":
        return;
      case "reply":
        return this.#reply(effect.client, effect.reply);
      case "replyFromStore":
        return this.#replyFromStore(effect);
      case "keepDocument":
        return staging.keep(effect.submission, effect.bytes);
      case "storeChunk":
        return this.#storeChunk(effect);
      case "lookUpKey":
        return this.#lookUpKey(effect);
      case "planDocument": {
        const { submission, options } = effect;
        const { capacity } = state.options;
        const { folder, environment } = this.#surroundingsOf(options);
        return planner.plan({
          id: submission,
          document: staging.documentOf(submission),
          source: options.source,
          capacity,
          settings: options.import,
          folder,
          environment,
        });
      }
      case "storeJob":
        return this.#storeJob(effect);
      case "markDeleted":
        return this.#markDeleted(effect);
      case "flushRound":
        return this.#flushRound(effect);
      case "listJobs": {
        const { before, limit } = effect;
        const page = { limit, ...(before === null ? {} : { before }) };
        const records = this.#parts.store.read((reader) => listJobs(reader, page));
        return this.push({ type: "jobsListed", records });
      }
      case "finishDeletion":
        return this.#clearAway(effect.job);
      case "findEndedJob": {
        const { client, request, job } = effect;
        const record = this.#parts.store.read((reader) => readJob(reader, job));
        return this.push({ type: "endedJobFound", client, request, job, record });
      }
      case "storeRound":
        return this.#storeRound(effect);
      case "forgetSubmission":
        this.#plans.delete(effect.submission);
        return staging.forget(effect.submission);
      case "startWorker":
        return workers.start(effect.seat, effect.crashes);
      case "adoptWorker":
        return workers.adopt(effect.seat);
      case "killWorker":
        return workers.kill(effect.seat);
      case "announceLeaving":
        return this.#parts.announceLeaving();
      case "leave":
        void this.#leave();
        return;
      default:
        assertNever(effect);
    }
  }

  #reply(client: ClientId, reply: ClientReply): void {
    const complete = this.#withRefusals(reply);
    const waiting = this.#replies.get(client);
    if (waiting !== undefined) return void waiting.push(complete);
    // After all microtasks, of which one wave may answer hundreds of requests.
    if (this.#replies.size === 0) process.nextTick(() => this.#sendReplies());
    this.#replies.set(client, [complete]);
  }

  #sendReplies(): void {
    const all = this.#replies;
    this.#replies = new Map();
    for (const [client, replies] of all) {
      for (let from = 0; from < replies.length; from += FRAME_REPLIES_MAX)
        this.#parts.router.send(client, CLIENT_EPOCH, replies.slice(from, from + FRAME_REPLIES_MAX));
    }
  }

  /** The core does not see the manager's own sockets. */
  #withRefusals(reply: ClientReply): ClientReply {
    if (reply.type !== "daemonReport") return reply;
    const refusedFrames = { ...reply.report.refusedFrames };
    for (const [fault, count] of Object.entries(this.#parts.refusals.counts())) {
      refusedFrames[fault] = (refusedFrames[fault] ?? 0) + count;
    }
    return { ...reply, report: { ...reply.report, refusedFrames } };
  }

  #replyFromStore(effect: Extract<ManagerEffect, { type: "replyFromStore" }>): void {
    const { client, request, job } = effect;
    const record = this.#parts.store.read((reader) => readJob(reader, job));
    const message = `There is no job ${job}; \`qrew jobs\` lists those that there are.`;
    const reply: ClientReply =
      record === null
        ? { type: "refused", request, code: "notFound", message }
        : { type: "jobChanged", request, summary: summaryOf(record), running: [] };
    // Whoever asked when the job ended is told when the disk has it; so is who asks a moment later.
    void this.#replyFlushed([{ type: "replyFlushed", client, reply, mayWait: false }]);
  }

  #storeChunk(effect: Extract<ManagerEffect, { type: "storeChunk" }>): void {
    const { submission, index, bytes } = effect;
    this.#parts.staging.append(submission, bytes).then(
      () => this.push({ type: "chunkStored", submission, index }),
      (error: unknown) => this.#submissionFailed(submission, error),
    );
  }

  #lookUpKey(effect: Extract<ManagerEffect, { type: "lookUpKey" }>): void {
    const { submission, key, options } = effect;
    const { store, staging } = this.#parts;
    const digest = submissionDigest(staging.digestOf(submission), options);
    const found = store.read((reader) => {
      const known = readSubmissionKey(reader, key);
      const record = known === null ? null : readJob(reader, known.job);
      // A job that is not there any more has taken its key along.
      if (known === null || record === null) return null;
      return { job: record.job, tasks: record.tasks.total, digest: known.digest };
    });
    this.push({ type: "keyLookedUp", submission, digest, found });
  }

  #storeJob(effect: Extract<ManagerEffect, { type: "storeJob" }>): void {
    const { submission, record, options, key } = effect;
    const plan = this.#plans.get(submission);
    if (plan === undefined) return this.#submissionFailed(submission, new Error("its plan is missing"));
    this.#plans.delete(submission);
    this.#jobStorage.add({ record, options, key, plan }).then(
      (stored) => this.push({ type: "jobStored", submission, record: stored }),
      (error: unknown) => this.#submissionFailed(submission, error),
    );
  }

  #storeRound(effect: Extract<ManagerEffect, { type: "storeRound" }>): void {
    const { submission, job, source, taskCount } = effect;
    const plan = this.#plans.get(submission);
    if (plan === undefined) return this.#submissionFailed(submission, new Error("its plan is missing"));
    this.#plans.delete(submission);
    storeRound(this.#parts.store, job, plan).then(
      (record) => this.push({ type: "roundStored", submission, record, source, taskCount }),
      (error: unknown) => this.#submissionFailed(submission, error),
    );
  }

  #markDeleted({ asked, jobs, folders }: Extract<ManagerEffect, { type: "markDeleted" }>): void {
    const { store, logger } = this.#parts;
    try {
      const deletions = markAllDeleted(store, jobs, folders);
      if (asked === null) logger.info({ jobs }, "the policy of the settings deletes jobs");
      this.push({ type: "jobsMarked", asked, deletions });
    } catch (error) {
      const { code, message } = QrewError.from(error);
      if (code !== "storeFull") throw error;
      if (asked === null) logger.warn(`the policy of the settings has to wait: ${message}`);
      else this.#reply(asked.client, { type: "refused", request: asked.request, code, message });
    }
  }

  #flushRound({ job, round }: Extract<ManagerEffect, { type: "flushRound" }>): void {
    this.#parts.store.flushed().then(
      () => this.push({ type: "roundFlushed", job, round }),
      (error: unknown) => this.fail(error),
    );
  }

  /** On a full disk again and again; what cannot be deleted for another reason is tried again by the next manager. */
  #clearAway(job: JobSeq): void {
    const { store, home, logger } = this.#parts;
    clearAway(store, home, job).catch((error: unknown) => {
      const { code, message } = QrewError.from(error);
      logger.warn({ job }, `not all of a deleted job could be removed: ${message}`);
      if (code === "storeFull") setTimeout(() => this.#clearAway(job), CLEAR_RETRY_MS).unref();
    });
  }

  /** A corrected document is read where its job runs. */
  #surroundingsOf({ retries, directory, env }: SubmissionOptions): {
    readonly folder: string | null;
    readonly environment: Readonly<Record<string, string>>;
  } {
    const kept =
      retries === null ? null : this.#parts.store.read((reader) => readEnvironment(reader, retries));
    if (kept !== null) return { folder: kept.directory, environment: kept.env };
    return { folder: directory.type === "existing" ? directory.path : null, environment: env };
  }

  #submissionFailed(submission: number, error: unknown): void {
    const failure = QrewError.from(error);
    const { code: found } = failure;
    const code = found === "storeFull" || found === "refused" ? found : "internal";
    this.#parts.logger.warn({ submission }, `a submission failed: ${failure.message}`);
    this.push({ type: "submissionFailed", submission, code, message: failure.message });
  }

  async #leave(): Promise<void> {
    const { router, workers, planner, store, exit } = this.#parts;
    this.#loop.stop();
    this.#sendReplies();
    await router.flush(FLUSH_MS);
    workers.close();
    router.close();
    planner.close();
    await store.close();
    exit(0);
  }
}
