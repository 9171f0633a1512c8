/** What manager/workers.ts does: takes a seat over for certain, starts its QWorker, greets it, watches it until it ends. */
import { ACTOR_FORM } from "../../protocol/actorForm.ts";
import { decodeFrame } from "../../protocol/codec.ts";
import { QrewError } from "../../protocol/errors.ts";
import { type SeatNumber, seatSocketName } from "../../protocol/ids.ts";
import { type ManagerCommand, type WorkerFact, workerFactSchema } from "../../protocol/workerLink.ts";
import { putSeat, readSeat } from "../../src/store/managerStore.ts";
import type { SimStore } from "./disk.ts";
import type { SimProcess } from "./machine.ts";
import { takesHoldersForDead } from "./mutations.ts";
import { SimDealer } from "./network.ts";
import { SimWorker } from "./worker.ts";
import type { World } from "./world.ts";

const START_MS_MAX = 30_000;
const ROUTING_ID = "manager";

interface SeatHandlers {
  readonly onStarted: (seat: SeatNumber, epoch: number, pid: number) => void;
  readonly onReconnected: (seat: SeatNumber, epoch: number) => void;
  readonly onFact: (seat: SeatNumber, epoch: number, fact: WorkerFact) => void;
  readonly onLost: (seat: SeatNumber, epoch: number, why: QrewError) => void;
}

interface Holder {
  readonly epoch: number;
  readonly process: SimProcess;
  readonly link: SimDealer;
}

export class SimSeats {
  readonly #world: World;
  readonly #process: SimProcess;
  readonly #store: SimStore;
  readonly #managerEpoch: number;
  readonly #handlers: SeatHandlers;
  readonly #holders = new Map<SeatNumber, Holder>();

  constructor(
    world: World,
    process: SimProcess,
    store: SimStore,
    managerEpoch: number,
    handlers: SeatHandlers,
  ) {
    this.#world = world;
    this.#process = process;
    this.#store = store;
    this.#managerEpoch = managerEpoch;
    this.#handlers = handlers;
  }

  start(seat: SeatNumber): void {
    const before = this.#store.read((reader) => readSeat(reader, seat));
    const next = (): void => this.#attempt(seat, () => this.#spawn(seat, (before?.epoch ?? 0) + 1));
    if (before === null || takesHoldersForDead(this.#world.mutation)) return next();
    this.#world.machine.endForCertain(this.#process, before, next);
  }

  adopt(seat: SeatNumber): void {
    const record = this.#store.read((reader) => readSeat(reader, seat));
    const process = record === null ? null : this.#world.machine.find(record);
    if (record === null || process === null) return this.#handlers.onLost(seat, record?.epoch ?? 0, ended());
    const { epoch } = record;
    const look = this.#world.machine.watch(this.#process, record, () => this.#lost(seat, epoch));
    this.#holders.set(seat, { epoch, process, link: this.#connect(seat, epoch, look) });
    this.#handlers.onStarted(seat, epoch, record.pid);
  }

  tell(seat: SeatNumber, commands: readonly ManagerCommand[]): void {
    this.#holders.get(seat)?.link.send(this.#managerEpoch, commands);
  }

  kill(seat: SeatNumber): void {
    this.#holders.get(seat)?.process.end();
  }

  #attempt(seat: SeatNumber, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#handlers.onLost(seat, 0, QrewError.from(error));
    }
  }

  #spawn(seat: SeatNumber, epoch: number): void {
    // Written first: a successor of this manager never gives the same epoch to somebody else.
    this.#store.write((writer) => putSeat(writer, { seat, epoch, pid: 0, startTime: "", bootId: "" }));
    let settled = false;
    const fail = (error: QrewError): void => {
      if (settled) return;
      settled = true;
      process.end();
      this.#handlers.onLost(seat, 0, error);
    };
    const { process } = new SimWorker(this.#world, seat, epoch, {
      onReady: () =>
        this.#process.after(1, () => {
          if (settled) return;
          settled = true;
          this.#greet(seat, epoch, process);
        }),
      onFailed: (error) => this.#process.after(1, () => fail(error)),
    });
    // Here, between the start of the process and the record of its pid, is a good moment to die.
    if (this.#world.faults.crashesNow(this.#process)) return;
    process.onEnd(() =>
      this.#process.after(2, () => fail(new QrewError("internal", "the QWorker ended at its start"))),
    );
    this.#process.after(START_MS_MAX, () =>
      fail(new QrewError("internal", "the QWorker did not start in time")),
    );
    try {
      this.#store.write((writer) => putSeat(writer, { seat, epoch, ...this.#world.machine.nameOf(process) }));
    } catch (error) {
      fail(QrewError.from(error));
    }
  }

  #greet(seat: SeatNumber, epoch: number, process: SimProcess): void {
    const link = this.#connect(seat, epoch, () => undefined);
    this.#holders.set(seat, { epoch, process, link });
    process.onEnd(() => this.#process.after(1, () => this.#lost(seat, epoch)));
    this.#handlers.onStarted(seat, epoch, process.pid);
  }

  #connect(seat: SeatNumber, epoch: number, onDisconnected: () => void): SimDealer {
    let connections = 0;
    return new SimDealer(this.#world.network, this.#process, seatSocketName(seat), ROUTING_ID, {
      onFrame: (bytes) => this.#onFrame(seat, epoch, bytes),
      onConnected: () => {
        connections += 1;
        if (connections > 1) this.#handlers.onReconnected(seat, epoch);
      },
      onDisconnected,
    });
  }

  #onFrame(seat: SeatNumber, epoch: number, bytes: Uint8Array): void {
    const frame = decodeFrame(bytes, workerFactSchema, ACTOR_FORM);
    if (!frame.ok) return this.#world.invariants.onMalformed("manager", frame.detail);
    if (frame.epoch !== epoch) return;
    for (const fact of frame.messages) {
      if (this.#world.mutation === "loanNotReturned" && fact.type === "loanHeld") continue;
      this.#handlers.onFact(seat, epoch, fact);
    }
  }

  #lost(seat: SeatNumber, epoch: number): void {
    const holder = this.#holders.get(seat);
    if (holder?.epoch !== epoch) return;
    holder.link.close();
    this.#holders.delete(seat);
    this.#handlers.onLost(seat, epoch, ended());
  }
}

const ended = (): QrewError => new QrewError("internal", "its process has ended");
