/**
 * The QWorkers as processes: started and connected, or found alive and adopted, and watched until they end. A seat is taken over
 * for certain before it gets a new holder.
 */
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { Readable } from "node:stream";
import * as v from "valibot";
import { ACTOR_FORM } from "../protocol/actorForm.ts";
import { decodeFrame } from "../protocol/codec.ts";
import { ERROR_CODES, QrewError } from "../protocol/errors.ts";
import { type SeatNumber, seatSocketName, seatStoreName } from "../protocol/ids.ts";
import { type ManagerCommand, type WorkerFact, workerFactSchema } from "../protocol/workerLink.ts";
import { DealerLink } from "../src/link/dealer.ts";
import { actorProgram } from "../src/link/program.ts";
import type { Refusals } from "../src/link/refusals.ts";
import { endForCertain } from "../src/node/endForCertain.ts";
import { isLiving, nameProcess, processCpuSeconds } from "../src/node/process.ts";
import { ProcessWatch } from "../src/node/processWatch.ts";
import type { SeatRecord } from "../src/store/managerRecords.ts";
import { putSeat, readSeat } from "../src/store/managerStore.ts";
import { damageOf } from "../src/store/pageSurvey.ts";
import type { Store } from "../src/store/port.ts";

import type { ActorSettings } from "./settings.ts";

const START_MS_MAX = 30_000;
const READY_BYTES_MAX = 65_536;
/** The name by which QWorkers know the manager. */
const ROUTING_ID = "manager";

/** By which a process ends that has read a damaged store: LMDB trusts what it maps. */
const MEMORY_FAULTS: ReadonlySet<NodeJS.Signals> = new Set(["SIGSEGV", "SIGBUS", "SIGABRT"]);

const readyLineSchema = v.union([
  v.object({ ready: v.literal(true) }),
  v.object({ error: v.object({ code: v.picklist(ERROR_CODES), message: v.string() }) }),
]);

export interface WorkerHandlers {
  readonly onStarted: (seat: SeatNumber, epoch: number, pid: number) => void;
  readonly onReconnected: (seat: SeatNumber, epoch: number) => void;
  /** It has used a cpu for a good part of the last quarter of its lease. */
  readonly onBusy: (seat: SeatNumber, epoch: number) => void;
  readonly onFact: (seat: SeatNumber, epoch: number, fact: WorkerFact) => void;
  readonly onLost: (seat: SeatNumber, epoch: number, why: QrewError) => void;
}

export interface WorkerSettings {
  readonly home: string;
  readonly runFolder: string;
  readonly instance: string;
  readonly node: string;
  readonly graceMs: number;
  readonly managerEpoch: number;
  readonly settings: ActorSettings;
}

interface Holder {
  readonly record: SeatRecord;
  readonly link: DealerLink;
  /** Of one that an earlier manager has started: it is not our child. */
  readonly watch: ProcessWatch | null;
  cpuSeconds: number;
}

/** Part of a cpu that a process must have used to be called busy: far more than answering takes. */
const BUSY_SHARE = 0.25;

export class Workers {
  readonly #settings: WorkerSettings;
  readonly #store: Store;
  readonly #refusals: Refusals;
  readonly #handlers: WorkerHandlers;
  readonly #holders = new Map<SeatNumber, Holder>();
  readonly #lookMs: number;
  readonly #timer: NodeJS.Timeout;

  constructor(settings: WorkerSettings, store: Store, refusals: Refusals, handlers: WorkerHandlers) {
    this.#settings = settings;
    this.#store = store;
    this.#refusals = refusals;
    this.#handlers = handlers;
    this.#lookMs = settings.settings.leaseMs / 4;
    this.#timer = setInterval(() => this.#lookForBusy(), this.#lookMs);
    this.#timer.unref();
  }

  /** Starts a QWorker for the seat; `onStarted` or `onLost` follows. */
  start(seat: SeatNumber, crashes: number): void {
    this.#start(seat, crashes).catch((error: unknown) =>
      this.#handlers.onLost(seat, 0, QrewError.from(error)),
    );
  }

  /** Connects to the QWorker of an earlier manager, which goes on as it is; `onStarted` or `onLost` follows. */
  adopt(seat: SeatNumber): void {
    const record = this.#store.read((reader) => readSeat(reader, seat));
    if (record === null || !isLiving(record)) return this.#handlers.onLost(seat, record?.epoch ?? 0, ended());
    const watch = new ProcessWatch(record, () => this.#lost(record));
    this.#holders.set(seat, { record, link: this.#connect(record, watch), watch, cpuSeconds: 0 });
    this.#handlers.onStarted(seat, record.epoch, record.pid);
  }

  tell(seat: SeatNumber, commands: readonly ManagerCommand[]): void {
    const link = this.#holders.get(seat)?.link;
    if (commands.every(isForLater)) link?.sendLater(this.#settings.managerEpoch, commands);
    else link?.send(this.#settings.managerEpoch, commands);
  }

  kill(seat: SeatNumber): void {
    const record = this.#holders.get(seat)?.record;
    if (record !== undefined && isLiving(record)) process.kill(record.pid, "SIGKILL");
  }

  #lookForBusy(): void {
    for (const [seat, holder] of this.#holders) {
      const cpuSeconds = cpuSecondsOf(holder) ?? holder.cpuSeconds;
      const share = ((cpuSeconds - holder.cpuSeconds) * 1000) / this.#lookMs;
      holder.cpuSeconds = cpuSeconds;
      if (share >= BUSY_SHARE) this.#handlers.onBusy(seat, holder.record.epoch);
    }
  }

  close(): void {
    clearInterval(this.#timer);
    for (const { link, watch } of this.#holders.values()) {
      link.close();
      watch?.stop();
    }
    this.#holders.clear();
  }

  async #start(seat: SeatNumber, crashes: number): Promise<void> {
    const before = this.#store.read((reader) => readSeat(reader, seat));
    if (before !== null) await endForCertain(before);
    // Written first: a successor of this manager never gives the same epoch to somebody else.
    const epoch = (before?.epoch ?? 0) + 1;
    this.#record({ seat, epoch, pid: 0, startTime: "", bootId: "" });
    const { file, args } = actorProgram("worker");
    const child = spawn(file, [...args, ...this.#arguments(seat, epoch, crashes)], {
      detached: true,
      cwd: "/",
      stdio: ["ignore", "ignore", "ignore", "pipe"],
    });
    const gone = new Promise<NodeJS.Signals | null>((resolve) =>
      child.once("exit", (_, signal) => resolve(signal)),
    );
    const failed = new Promise<never>((_, reject) => child.once("error", reject));
    failed.catch(() => undefined);
    let record: SeatRecord;
    try {
      record = { seat, epoch, ...nameProcess(child.pid ?? 0) };
      this.#record(record);
      await untilReady(child, failed);
    } catch (error) {
      // Nobody would know of it.
      child.kill("SIGKILL");
      throw this.#damageAfter(seat, await gone) ?? error;
    }
    this.#holders.set(seat, { record, link: this.#connect(record, null), watch: null, cpuSeconds: 0 });
    child.unref();
    void gone.then((signal) => this.#lost(record, this.#damageAfter(seat, signal) ?? ended()));
    this.#handlers.onStarted(seat, epoch, record.pid);
  }

  #record(record: SeatRecord): void {
    this.#store.write((writer) => putSeat(writer, record));
  }

  #arguments(seat: SeatNumber, epoch: number, crashes: number): readonly string[] {
    const { home, runFolder, instance, node, graceMs, settings } = this.#settings;
    const options = {
      home,
      run: runFolder,
      seat,
      epoch,
      instance,
      node,
      grace: graceMs,
      crashes,
      "crash-limit": settings.crashLimit,
      lease: settings.leaseMs,
      orphan: settings.orphanMs,
    };
    return Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  }

  #connect({ seat, epoch }: SeatRecord, watch: ProcessWatch | null): DealerLink {
    const socketPath = path.join(this.#settings.runFolder, seatSocketName(seat));
    let connections = 0;
    return new DealerLink(
      { socketPath, routingId: ROUTING_ID },
      {
        onFrame: (bytes) => this.#onFrame(seat, epoch, bytes),
        onConnected: () => {
          connections += 1;
          if (connections > 1) this.#handlers.onReconnected(seat, epoch);
        },
        onDisconnected: () => watch?.look(),
        onFault: () => this.kill(seat),
      },
    );
  }

  #onFrame(seat: SeatNumber, epoch: number, bytes: Uint8Array): void {
    const frame = decodeFrame(bytes, workerFactSchema, ACTOR_FORM);
    if (!frame.ok) return this.#refusals.add(frame.fault);
    if (frame.epoch !== epoch) return this.#refusals.add("oldEpoch");
    for (const fact of frame.messages) this.#handlers.onFact(seat, epoch, fact);
  }

  /** What is wrong with the seat's store, where the death of its QWorker looks like that; else null. */
  #damageAfter(seat: SeatNumber, signal: NodeJS.Signals | null): QrewError | null {
    if (signal === null || !MEMORY_FAULTS.has(signal)) return null;
    return damageOf(path.join(this.#settings.home, seatStoreName(seat)));
  }

  #lost({ seat, epoch }: SeatRecord, why = ended()): void {
    const holder = this.#holders.get(seat);
    if (holder?.record.epoch !== epoch) return;
    holder.link.close();
    holder.watch?.stop();
    this.#holders.delete(seat);
    this.#handlers.onLost(seat, epoch, why);
  }
}

/** The QWorker only forgets something. */
const isForLater = ({ type }: ManagerCommand): boolean => type === "releaseJob";

/** Null when it cannot be read, for whatever reason. */
function cpuSecondsOf({ record }: Holder): number | null {
  try {
    return processCpuSeconds(record.pid);
  } catch {
    return null;
  }
}

const ended = (): QrewError => new QrewError("internal", "its process has ended");

/** Resolves when the QWorker says that it serves; throws what it says instead. */
async function untilReady(child: ChildProcess, failed: Promise<never>): Promise<void> {
  const pipe = child.stdio[3];
  if (!(pipe instanceof Readable)) throw new QrewError("internal", "the QWorker has no ready pipe");
  checkReady(await readLine(pipe, failed));
}

function checkReady(line: string): void {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), readyLineSchema), line);
  if (!parsed.success) throw new QrewError("internal", "the QWorker ended at its start");
  if ("error" in parsed.output) throw new QrewError(parsed.output.error.code, parsed.output.error.message);
}

/** What was written until the pipe was closed. */
async function readLine(pipe: Readable, failed: Promise<never>): Promise<string> {
  let text = "";
  const ended = new Promise<string>((resolve) => {
    pipe.setEncoding("utf8");
    pipe.on("data", (piece: string) => {
      if (text.length < READY_BYTES_MAX) text += piece;
    });
    pipe.once("close", () => resolve(text.trim()));
  });
  const timeout = AbortSignal.timeout(START_MS_MAX);
  const late = new Promise<never>((_, reject) => {
    timeout.addEventListener("abort", () =>
      reject(new QrewError("internal", "the QWorker did not start in time")),
    );
  });
  return Promise.race([ended, late, failed]);
}
