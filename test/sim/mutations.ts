/**
 * Faults that are put into the harness on purpose, to see that the invariants find them. Each breaks one thing that the shells or
 * what lies below them have to do; the cores stay as they are.
 */
import type { UnfinishedJob } from "../../src/store/claims.ts";
import { listWorkerJobs } from "../../src/store/workerStore.ts";
import type { RangeOptions, Store, StoreEntry, StoreWriter } from "../../src/store/port.ts";
import { packU32 } from "../../src/store/record.ts";
import type { WorkerEvent } from "../../worker/core/events.ts";

export const MUTATIONS = [
  /** The last holder of a seat is taken for dead while it lives, and the epoch in the seat's store is not looked at. */
  "fencingOff",
  /** A QWorker tells what it has not committed yet. */
  "toldBeforeCommit",
  /** Clients are told before the disk has it. */
  "toldBeforeFlush",
  /** An attempt that was lost or withdrawn is acknowledged, and its task never ready again. */
  "requeueForgotten",
  /** The manager does not hear what a job gives back of its loan. */
  "loanNotReturned",
  /** A TaskExecutor that takes over a forkserver forgets one of its attempts. */
  "adoptionForgets",
  /** The forkserver starts whatever it is sent. */
  "capNotEnforced",
  /** The forkserver starts what follows an attempt however that has ended. */
  "followsAnyEnd",
  /** After a power cut each store is believed by itself: the manager asks no seat, and no QWorker asks the manager. */
  "storesBelieved",
  /** A further round is given to its QWorker before the disk has it. */
  "roundBeforeFlush",
] as const;

/** No mutation that has to be found: without the kill, the fence alone keeps the records right. */
export const TAKEN_FOR_DEAD = "takenForDead";

export type Mutation = (typeof MUTATIONS)[number] | typeof TAKEN_FOR_DEAD | typeof POWER_CUTS;

/** Nothing is broken: power cuts are as frequent, and disks as slow, as for those that show in nothing else. */
export const POWER_CUTS = "powerCuts";

/** What these break shows in power cuts only, and those are rare: they get them. */
export const needsPowerCuts = (mutation: Mutation | null): boolean =>
  mutation === POWER_CUTS ||
  mutation === "toldBeforeFlush" ||
  mutation === "storesBelieved" ||
  mutation === "roundBeforeFlush";

/** Taken for dead, a holder of a seat is neither adopted nor killed. */
export const takesHoldersForDead = (mutation: Mutation | null): boolean =>
  mutation === "fencingOff" || mutation === TAKEN_FOR_DEAD;

/** A seat's store as a holder would see it that ignores the fence: it always reads the epoch that lets it write. */
export function unfenced(store: Store, epoch: number): Store {
  let taken = false;
  const onTaken = (): void => {
    taken = true;
  };
  return {
    read: (body) => store.read(body),
    write: (body) =>
      store.write((writer) => body(new UnfencedWriter(writer, taken ? epoch : epoch - 1, onTaken))),
    flushed: () => store.flushed(),
    close: () => store.close(),
  };
}

class UnfencedWriter implements StoreWriter {
  readonly #writer: StoreWriter;
  readonly #epoch: number;
  readonly #onTaken: () => void;

  constructor(writer: StoreWriter, epoch: number, onTaken: () => void) {
    this.#writer = writer;
    this.#epoch = epoch;
    this.#onTaken = onTaken;
  }

  get(table: string, key: Uint8Array): Uint8Array | undefined {
    return isEpoch(table, key) ? packU32(this.#epoch) : this.#writer.get(table, key);
  }

  range(table: string, options: RangeOptions): Iterable<StoreEntry> {
    return this.#writer.range(table, options);
  }

  put(table: string, key: Uint8Array, value: Uint8Array): void {
    if (isEpoch(table, key)) this.#onTaken();
    this.#writer.put(table, key, value);
  }

  delete(table: string, key: Uint8Array): void {
    this.#writer.delete(table, key);
  }
}

const isEpoch = (table: string, key: Uint8Array): boolean =>
  table === "meta" && Buffer.from(key).toString() === "epoch";

/** Ends after which a task would be ready again are taken out. */
export function withoutEnds(event: WorkerEvent): WorkerEvent {
  if (event.type !== "attemptsEnded") return event;
  const attempts = event.attempts.filter(({ outcome: { type } }) => type !== "lost" && type !== "withdrawn");
  return { ...event, attempts };
}

/** A QWorker goes on with whatever its own store calls running. */
export const withoutAsking = (store: Store): readonly UnfinishedJob[] =>
  store
    .read(listWorkerJobs)
    .filter(({ state, parked }) => state === "running" && !parked)
    .map(({ job, round, priority, pause }) => ({ job, round, priority, pause }));

export const isMutation = (name: string): name is Mutation =>
  name === TAKEN_FOR_DEAD || name === POWER_CUTS || MUTATIONS.some((mutation) => mutation === name);
