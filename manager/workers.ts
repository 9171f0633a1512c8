/**
 * The QWorkers as processes: each seat is taken over for certain before it gets a new holder, started, greeted over its socket, and
 * watched until it ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import * as v from "valibot";
import { decodeFrame } from "../protocol/codec.ts";
import { QrewError } from "../protocol/errors.ts";
import { countField } from "../protocol/fields.ts";
import { type SeatNumber, seatSocketName } from "../protocol/ids.ts";
import { type ManagerCommand, type WorkerFact, workerFactSchema } from "../protocol/workerLink.ts";
import { DealerLink } from "../src/link/dealer.ts";
import { actorProgram } from "../src/link/program.ts";
import type { Refusals } from "../src/link/refusals.ts";
import { isAlive, processStartTime } from "../src/node/process.ts";
import { putSeat, readSeat } from "../src/store/managerStore.ts";
import type { Store } from "../src/store/port.ts";

const START_MS_MAX = 30_000;
const READY_BYTES_MAX = 65_536;
/** For a killed process to be gone. One that hangs in the kernel cannot be replaced. */
const KILL_MS_MAX = 10_000;
/** The name by which QWorkers know the manager. */
const ROUTING_ID = "manager";

const readyLineSchema = v.object({ pid: countField, epoch: countField });

export interface WorkerHandlers {
  readonly onStarted: (seat: SeatNumber, epoch: number, pid: number) => void;
  readonly onFact: (seat: SeatNumber, epoch: number, fact: WorkerFact) => void;
  readonly onLost: (seat: SeatNumber, epoch: number, why: string) => void;
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
    this.#start(seat).catch((error: unknown) =>
      this.#handlers.onLost(seat, 0, QrewError.from(error).message),
    );
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
    const { file, args } = actorProgram("worker");
    const child = spawn(file, [...args, ...this.#arguments(seat, (before?.epoch ?? 0) + 1)], {
      detached: true,
      cwd: "/",
      stdio: ["ignore", "ignore", "ignore", "pipe"],
    });
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    const failed = new Promise<never>((_, reject) => child.once("error", reject));
    failed.catch(() => undefined);
    const { pid, epoch } = await readyFacts(child, failed);
    const startTime = processStartTime(pid);
    if (startTime === null) throw new QrewError("internal", "the QWorker ended right after its start");
    this.#store.write((writer) => putSeat(writer, { seat, epoch, pid, startTime }));
    const link = this.#connect(seat, epoch);
    this.#holders.set(seat, { epoch, pid, startTime, link });
    child.unref();
    void gone.then(() => this.#lost(seat, epoch));
    this.#handlers.onStarted(seat, epoch, pid);
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
    this.#handlers.onLost(seat, epoch, "its process has ended");
  }
}

/** Kills a process and waits until it is gone: two holders of a seat must never live at the same time. */
async function endForCertain(pid: number, startTime: string): Promise<void> {
  if (!isAlive(pid, startTime)) return;
  process.kill(pid, "SIGKILL");
  const deadlineMs = performance.now() + KILL_MS_MAX;
  while (isAlive(pid, startTime)) {
    if (performance.now() > deadlineMs) throw new QrewError("internal", `process ${pid} does not die`);
    await delay(5);
  }
}

/** What the QWorker says when it serves. One that does not is killed: nobody would know of it. */
async function readyFacts(child: ChildProcess, failed: Promise<never>): Promise<ReadyFacts> {
  try {
    const pipe = child.stdio[3];
    if (!(pipe instanceof Readable)) throw new QrewError("internal", "the QWorker has no ready pipe");
    return parseReady(await readLine(pipe, failed));
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

type ReadyFacts = v.InferOutput<typeof readyLineSchema>;

function parseReady(line: string): ReadyFacts {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), readyLineSchema), line);
  if (parsed.success) return parsed.output;
  throw new QrewError(
    "internal",
    line === "" ? "the QWorker ended at its start" : `the QWorker said: ${line}`,
  );
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
