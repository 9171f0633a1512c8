/**
 * The QWorkers as processes: each seat is taken over for certain before it gets a new holder, started, greeted over its socket, and
 * watched until it ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { Readable } from "node:stream";
import * as v from "valibot";
import { decodeFrame } from "../protocol/codec.ts";
import { ERROR_CODES, QrewError } from "../protocol/errors.ts";
import { type SeatNumber, seatSocketName } from "../protocol/ids.ts";
import { type ManagerCommand, type WorkerFact, workerFactSchema } from "../protocol/workerLink.ts";
import { DealerLink } from "../src/link/dealer.ts";
import { actorProgram } from "../src/link/program.ts";
import type { Refusals } from "../src/link/refusals.ts";
import { endForCertain } from "../src/node/endForCertain.ts";
import { isAlive, processStartTime } from "../src/node/process.ts";
import type { SeatRecord } from "../src/store/managerRecords.ts";
import { putSeat, readSeat } from "../src/store/managerStore.ts";
import type { Store } from "../src/store/port.ts";

const START_MS_MAX = 30_000;
const READY_BYTES_MAX = 65_536;
/** The name by which QWorkers know the manager. */
const ROUTING_ID = "manager";

const readyLineSchema = v.union([
  v.object({ ready: v.literal(true) }),
  v.object({ error: v.object({ code: v.picklist(ERROR_CODES), message: v.string() }) }),
]);

export interface WorkerHandlers {
  readonly onStarted: (seat: SeatNumber, epoch: number, pid: number) => void;
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
}

interface Holder {
  readonly epoch: number;
  readonly pid: number;
  readonly startTime: string;
  readonly link: DealerLink;
}

export class Workers {
  readonly #settings: WorkerSettings;
  readonly #store: Store;
  readonly #refusals: Refusals;
  readonly #handlers: WorkerHandlers;
  readonly #holders = new Map<SeatNumber, Holder>();

  constructor(settings: WorkerSettings, store: Store, refusals: Refusals, handlers: WorkerHandlers) {
    this.#settings = settings;
    this.#store = store;
    this.#refusals = refusals;
    this.#handlers = handlers;
  }

  /** Starts a QWorker for the seat; `onStarted` or `onLost` follows. */
  start(seat: SeatNumber): void {
    this.#start(seat).catch((error: unknown) => this.#handlers.onLost(seat, 0, QrewError.from(error)));
  }

  tell(seat: SeatNumber, commands: readonly ManagerCommand[]): void {
    this.#holders.get(seat)?.link.send(this.#settings.managerEpoch, commands);
  }

  kill(seat: SeatNumber): void {
    const holder = this.#holders.get(seat);
    if (holder !== undefined && isAlive(holder.pid, holder.startTime)) process.kill(holder.pid, "SIGKILL");
  }

  close(): void {
    for (const { link } of this.#holders.values()) link.close();
    this.#holders.clear();
  }

  async #start(seat: SeatNumber): Promise<void> {
    const before = this.#store.read((reader) => readSeat(reader, seat));
    if (before !== null) await endForCertain(before.pid, before.startTime);
    // Written first: a successor of this manager never gives the same epoch to somebody else.
    const epoch = (before?.epoch ?? 0) + 1;
    this.#record({ seat, epoch, pid: 0, startTime: "" });
    const { file, args } = actorProgram("worker");
    const child = spawn(file, [...args, ...this.#arguments(seat, epoch)], {
      detached: true,
      cwd: "/",
      stdio: ["ignore", "ignore", "ignore", "pipe"],
    });
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    const failed = new Promise<never>((_, reject) => child.once("error", reject));
    failed.catch(() => undefined);
    const pid = child.pid ?? 0;
    const startTime = processStartTime(pid) ?? "";
    try {
      this.#record({ seat, epoch, pid, startTime });
      await untilReady(child, failed);
    } catch (error) {
      // Nobody would know of it.
      child.kill("SIGKILL");
      throw error;
    }
    const link = this.#connect(seat, epoch);
    this.#holders.set(seat, { epoch, pid, startTime, link });
    child.unref();
    void gone.then(() => this.#lost(seat, epoch));
    this.#handlers.onStarted(seat, epoch, pid);
  }

  #record(record: SeatRecord): void {
    this.#store.write((writer) => putSeat(writer, record));
  }

  #arguments(seat: SeatNumber, epoch: number): readonly string[] {
    const { home, runFolder, instance, node, graceMs } = this.#settings;
    const options = {
      home,
      run: runFolder,
      seat,
      epoch,
      instance,
      node,
      grace: graceMs,
      manager: process.pid,
    };
    return Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  }

  #connect(seat: SeatNumber, epoch: number): DealerLink {
    const socketPath = path.join(this.#settings.runFolder, seatSocketName(seat));
    return new DealerLink(
      { socketPath, routingId: ROUTING_ID },
      {
        onFrame: (bytes) => this.#onFrame(seat, epoch, bytes),
        onConnected: () => undefined,
        onDisconnected: () => undefined,
        onFault: () => this.kill(seat),
      },
    );
  }

  #onFrame(seat: SeatNumber, epoch: number, bytes: Uint8Array): void {
    const frame = decodeFrame(bytes, workerFactSchema);
    if (!frame.ok) return this.#refusals.add(frame.fault);
    if (frame.epoch !== epoch) return this.#refusals.add("oldEpoch");
    for (const fact of frame.messages) this.#handlers.onFact(seat, epoch, fact);
  }

  #lost(seat: SeatNumber, epoch: number): void {
    const holder = this.#holders.get(seat);
    if (holder?.epoch !== epoch) return;
    holder.link.close();
    this.#holders.delete(seat);
    this.#handlers.onLost(seat, epoch, new QrewError("internal", "its process has ended"));
  }
}

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
